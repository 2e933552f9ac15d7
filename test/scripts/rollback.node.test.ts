import { describe, expect, it } from "vitest";
import type { DeployedWorker } from "../../scripts/lib/deploy/deployed.ts";
import type { PlannedCell, WorkerPlan } from "../../scripts/lib/deploy/plan.ts";
import type { Tools } from "../../scripts/lib/deploy/tools.ts";
import { checkBindings, rollBack } from "../../scripts/lib/deploy/workers.ts";
import { poolBindings } from "../../scripts/lib/pool.ts";

const served = (size: number): DeployedWorker => ({
  versionId: "v-before",
  bindings: [
    ...poolBindings(size).map((name) => ({ type: "d1", name, id: name })),
    { type: "plain_text", name: "VERSION", text: "1.0.0" },
  ],
});

const worker = (name: string, more: Partial<PlannedCell> = {}): WorkerPlan => ({
  ...{ name, config: {}, file: `${name}.jsonc`, before: served(3) },
  ...{ putsMasterKey: false, isOneWay: false, ...more },
});

/** Tools whose wrangler only notes what it is told; it fails on the Workers named. */
function noting(failing: readonly string[] = []) {
  const told: string[] = [];
  const wrangler = async (args: readonly string[]) => {
    told.push(args.slice(0, 4).join(" "));
    if (failing.some((name) => args.includes(`${name}.jsonc`))) throw new Error("No.");
    return "";
  };
  return { told, tools: { wrangler, say: () => {} } as unknown as Tools };
}

describe("a rollback", () => {
  it("goes from the last deployed to the first, and goes on past one that fails", async () => {
    const { told, tools } = noting(["cell"]);
    const said = await rollBack([worker("home"), worker("cell"), worker("router")], tools);
    expect(told).toEqual([
      "rollback v-before --config router.jsonc",
      "rollback v-before --config cell.jsonc",
      "rollback v-before --config home.jsonc",
    ]);
    expect(said).toEqual([
      "router is 1.0.0 again.",
      "cell could not be rolled back: No.",
      "home is 1.0.0 again.",
    ]);
  });

  it.each([
    ["is new", { before: undefined }, "there was none before"],
    ["has never served", { before: { bindings: [] } }, "there was none before"],
    [
      "changed its Durable Objects",
      { isOneWay: true },
      "no rollback crosses a change of Durable Objects",
    ],
    [
      "would lose databases that tenants may have",
      { claimable: 4 },
      "tenants may live in databases",
    ],
  ])("leaves a Worker as it is that %s", async (_, more, sentence) => {
    const { told, tools } = noting();
    expect(await rollBack([worker("cell", more)], tools)).toEqual([
      expect.stringContaining(`cell stays: ${sentence}`),
    ]);
    expect(told).toEqual([]);
  });

  it("takes back databases that nobody can have yet", async () => {
    const { tools } = noting();
    const grown = worker("cell", { size: 5, claimable: 3 });
    expect(await rollBack([grown], tools)).toEqual(["cell is 1.0.0 again."]);
  });
});

describe("what is bound after a deploy", () => {
  const planned = poolBindings(3).map((binding) => ({
    binding,
    database_name: binding,
    database_id: binding,
  }));
  const deployed = (bindings: DeployedWorker["bindings"]) =>
    ({ api: { call: async () => ({ bindings }) } }) as unknown as Tools;
  const { bindings } = served(3);

  it("is what was bound before, and may be more", async () => {
    const plan = worker("cell", { config: { d1_databases: planned } });
    await checkBindings(plan, deployed(served(5).bindings));
    await expect(checkBindings(plan, deployed(bindings.slice(1)))).rejects.toThrow(
      "cell has other databases than before: TENANT_DB_0000",
    );
    const other = bindings.map((each) => ({ ...each, id: "another" }));
    await expect(checkBindings(plan, deployed(other))).rejects.toThrow("TENANT_DB_0002");
  });

  it("may be another one where the database was deleted", async () => {
    const [first, ...rest] = planned;
    const instead = [{ ...first, database_name: "cell-deleted", database_id: "deleted" }, ...rest];
    const plan = worker("cell", { config: { d1_databases: instead as typeof planned } });
    const [gone, ...others] = bindings;
    const now = { type: "d1", name: gone?.name ?? "", id: "deleted" };
    await checkBindings(plan, deployed([now, ...others]));
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cellConfig, queuesOf } from "../../scripts/lib/deploy/cell-config.ts";
import type { Binding, Deployed } from "../../scripts/lib/deploy/deployed.ts";
import { describePlan } from "../../scripts/lib/deploy/describe.ts";
import type { Environment } from "../../scripts/lib/deploy/fleet.ts";
import { databaseNames, poolSizeOf } from "../../scripts/lib/deploy/names.ts";
import { makePlan, type Wishes } from "../../scripts/lib/deploy/plan.ts";
import { poolBindings } from "../../scripts/lib/pool.ts";
import { readConfig } from "../../scripts/lib/render-config.ts";
import { holds } from "../support/property.ts";

const main = { name: "main", pool: 3, low_water: 1, grow_by: 2 };
const eu = { name: "eu-1", pool: 2, low_water: 1, grow_by: 2, region: "eu" as const };

const environment: Environment = {
  base: "house",
  base_url: "https://house.example",
  zone: "house.example",
  home_cell: "main",
  counters: 1_000,
  vars: { REGISTRATION: "open" },
  cells: [eu, main],
};

const wishes: Wishes = {
  version: "1.0.0+abc",
  masterKey: `k1:${Buffer.alloc(32, 7).toString("base64url")}`,
  login: { email: "ops@house.example", password: "correct-horse-battery" },
};

const nothing: Deployed = {
  workers: new Map(),
  databases: new Map(),
  queues: new Set(),
  registry: { claimable: new Map(), retired: new Set(), hasOperators: false },
};

const newestTag = (readConfig().migrations as { tag: string }[]).at(-1)?.tag as string;

/** An account in which the cell `main` is deployed with so many databases. */
function deployedWith(size: number, more: Partial<Deployed["registry"]> = {}): Deployed {
  const names = databaseNames(environment, main, size);
  const pool = poolBindings(size).map((name, index) => ({ type: "d1", name, id: `id-${index}` }));
  const bindings: Binding[] = [
    ...pool,
    { type: "d1", name: "CONTROL_DB", id: "id-control" },
    { type: "plain_text", name: "VERSION", text: "1.0.0+abc" },
    { type: "secret_text", name: "MASTER_KEY" },
  ];
  return {
    workers: new Map([["house-main", { bindings, objectMigration: newestTag, versionId: "v1" }]]),
    databases: new Map([
      ["house-control", "id-control"],
      ...names.map((name, index) => [name, `id-${index}`] as const),
    ]),
    queues: new Set(),
    registry: { ...nothing.registry, hasOperators: true, ...more },
  };
}

const cellOf = (plan: ReturnType<typeof makePlan>, name = "main") => {
  const found = plan.cells.find(({ cell }) => cell.name === name);
  if (!found) throw new Error(`The plan has no cell ${name}.`);
  return found;
};
const poolOf = (plan: ReturnType<typeof makePlan>, name = "main") =>
  (cellOf(plan, name).config.d1_databases ?? []).filter(({ binding }) => binding !== "CONTROL_DB");

describe("a first deploy", () => {
  const plan = makePlan(environment, nothing, wishes);

  it("has every cell before the router, the home cell first", () => {
    expect(plan.refusals).toEqual([]);
    expect(plan.cells.map(({ name }) => name)).toEqual(["house-main", "house-eu-1"]);
    expect(plan.router?.config).toMatchObject({
      name: "house",
      services: [
        { binding: "CELL_MAIN", service: "house-main" },
        { binding: "CELL_EU_1", service: "house-eu-1" },
      ],
      vars: { BASE_URL: "https://house.example", HOME_CELL: "main", VERSION: "1.0.0+abc" },
      routes: [
        { pattern: "house.example/*", zone_name: "house.example" },
        { pattern: "*.house.example/*", zone_name: "house.example" },
      ],
    });
  });

  it("tells the router what it has to know of the cells' settings, and no more", () => {
    const vars = { CORS_ORIGINS: "https://app.example", LOG_LEVEL: "warn", REGISTRATION: "open" };
    const told = makePlan({ ...environment, vars }, nothing, wishes).router?.config.vars;
    expect(told).toEqual({
      BASE_URL: "https://house.example",
      CORS_ORIGINS: "https://app.example",
      HOME_CELL: "main",
      LOG_LEVEL: "warn",
      VERSION: "1.0.0+abc",
    });
  });

  it("gives each cell a name, settings, queues and a counter of its own", () => {
    const { config } = cellOf(plan, "eu-1");
    expect(config).toMatchObject({
      name: "house-eu-1",
      vars: { CELL: "eu-1", REGION: "eu", REGISTRATION: "open", VERSION: "1.0.0+abc" },
    });
    expect(queuesOf(config)).toEqual([
      "house-eu-1-doorbells",
      "house-eu-1-deliveries",
      "house-eu-1-dead-letters",
    ]);
    expect(cellOf(plan).config.vars).not.toHaveProperty("REGION");
    const counters = [plan.router, ...plan.cells].map((worker) => worker?.config.ratelimits);
    expect(counters).toMatchObject(
      ["1000", "1002", "1001"].map((id) => [{ name: "ADDRESS_GUARD", namespace_id: id }]),
    );
    expect(plan.newQueues).toHaveLength(6);
  });

  it("leaves out the routes that a cell without a router has", () => {
    const source = { ...readConfig(), routes: [{ pattern: "house.example/*" }] };
    const where = { from: ".", to: "." };
    const plain = cellConfig(source, environment, { cell: main, size: 3 }, nothing, "1", where);
    expect(plain).not.toHaveProperty("routes");
  });

  it("leaves databases to wrangler, by name and without an id, but for those with a place", () => {
    expect(poolOf(plan)).toEqual(
      ["0000", "0001", "0002"].map((number) => ({
        binding: `TENANT_DB_${number}`,
        database_name: `house-main-tenant-${number}`,
      })),
    );
    expect(plan.newDatabases.map(({ name }) => name)).toEqual([
      "house-eu-1-tenant-0000",
      "house-eu-1-tenant-0001",
    ]);
  });

  it("wants a master key and a password that an operator may have", () => {
    const { masterKey: _, ...without } = wishes;
    expect(makePlan(environment, nothing, without).refusals).toEqual([
      "Set MASTER_KEY, the same for all cells: house-main, house-eu-1.",
    ]);
    const short = makePlan(environment, nothing, { ...wishes, masterKey: "k1:abc" }).refusals;
    expect(short[0]).toMatch(/^MASTER_KEY: /);
    expect(short[0]).not.toContain("abc");
    const login = { email: "ops@house.example", password: "short" };
    expect(makePlan(environment, nothing, { ...wishes, login }).refusals).toEqual([
      "ROWHOUSE_OPERATOR_PASSWORD must have at least 12 characters.",
    ]);
  });

  it("is told before it is done", () => {
    expect(describePlan(plan).join("\n")).toContain(
      "cell      house-main: new; 3 databases, 3 of them new; MASTER_KEY is put",
    );
  });
});

describe("a deploy over another one", () => {
  it("makes nothing that is there, and puts no secret", () => {
    const deployed = deployedWith(3);
    const queues = new Set(makePlan(environment, nothing, wishes).newQueues);
    const plan = makePlan({ ...environment, cells: [main] }, { ...deployed, queues }, wishes);
    expect(plan).toMatchObject({ newQueues: [], newDatabases: [], newControl: false });
    expect(plan).toMatchObject({ newOperator: false, refusals: [] });
    expect(cellOf(plan).putsMasterKey).toBe(false);
    expect(poolOf(plan).map(({ database_id: id }) => id)).toEqual(["id-0", "id-1", "id-2"]);
  });

  it("loses no database, whatever the account, fleet.toml and the registry say", async () => {
    const sizes = fc.integer({ min: 1, max: 40 });
    const numbers = fc.uniqueArray(fc.nat(39), { maxLength: 8 });
    await holds(
      "bindings are a superset of those before",
      [sizes, sizes, sizes, numbers, numbers],
      (bound, asked, claimable, deleted, retired) => {
        const before = deployedWith(bound, {
          claimable: new Map([["main", Math.min(claimable, 40)]]),
          retired: new Set(retired.map((index) => `main/${poolBindings(40)[index]}`)),
        });
        const databases = new Map(before.databases);
        for (const index of deleted) {
          databases.delete(databaseNames(environment, main, 40)[index] as string);
        }
        const cells = [{ ...main, pool: asked }];
        const plan = makePlan({ ...environment, cells }, { ...before, databases }, wishes);
        const lost = deleted.filter((index) => index < bound && !retired.includes(index));
        expect(plan.refusals).toHaveLength(lost.length);

        const pool = poolOf(plan);
        expect(pool.map(({ binding }) => binding)).toEqual(
          poolBindings(Math.max(bound, asked, claimable)),
        );
        for (const [index, entry] of pool.entries()) {
          if (index >= bound || lost.includes(index)) continue;
          const isDeleted = deleted.includes(index);
          expect(entry.database_id).toBe(isDeleted ? undefined : `id-${index}`);
          if (isDeleted) expect(entry.database_name).toBe("house-main-deleted");
        }
      },
      300,
    );
  });

  it("keeps what is bound, even where its database has another name", () => {
    const deployed = deployedWith(2);
    const databases = new Map([
      ["house-control", "id-control"],
      ["plain-tenant-0000", "id-0"],
      ["house-main-tenant-0000", "id-impostor"],
      ["house-main-tenant-0001", "id-1"],
    ]);
    const plan = makePlan(environment, { ...deployed, databases }, wishes);
    expect(plan.refusals).toEqual([]);
    expect(poolOf(plan)[0]?.database_id).toBe("id-0");
  });

  it("is refused where it would drop a database that is none of the pool", () => {
    const deployed = deployedWith(2);
    const worker = deployed.workers.get("house-main");
    const bindings = [
      ...(worker?.bindings ?? []),
      { type: "d1", name: "OTHER_DB", id: "id-other" },
    ];
    const workers = new Map([["house-main", { ...worker, bindings }]]);
    expect(makePlan(environment, { ...deployed, workers }, wishes).refusals).toEqual([
      "house-main would lose the databases OTHER_DB.",
    ]);
  });

  it("is refused where the control database is gone, or is another", () => {
    const deployed = deployedWith(2);
    const there = [...deployed.databases].filter(([name]) => name !== "house-control");
    const refused = (databases: [string, string][]) =>
      makePlan(environment, { ...deployed, databases: new Map(databases) }, wishes).refusals;
    expect(refused(there)).toEqual([
      "The control database of house-main is not house-control: it is gone.",
    ]);
    expect(refused([...there, ["old-control", "id-control"], ["house-control", "id-new"]])).toEqual(
      ["The control database of house-main is not house-control: it has another name."],
    );
  });

  it("changes Durable Objects only when asked to, since no rollback crosses that", () => {
    const deployed = deployedWith(3);
    const worker = deployed.workers.get("house-main");
    const workers = new Map([
      ["house-main", { ...worker, bindings: worker?.bindings ?? [], objectMigration: "v1" }],
    ]);
    const older = { ...deployed, workers };
    const only = { ...environment, cells: [main] };
    const plan = makePlan(only, older, wishes);
    expect(plan.refusals.join()).toContain(`from v1 to ${newestTag}, and no rollback can cross`);
    const asked = makePlan(only, older, { ...wishes, objectMigrations: true });
    expect(asked.refusals).toEqual([]);
    expect(cellOf(asked).isOneWay).toBe(true);
    const grow = new Map([["main", 5]]);
    const growth = makePlan(only, older, { ...wishes, grow, objectMigrations: true });
    expect(growth.refusals.join()).toContain("no part of a growth");
  });
});

describe("a growth", () => {
  const grow = new Map([["main", 5]]);

  it("deploys that cell alone, with the new databases", () => {
    const plan = makePlan(environment, deployedWith(3), { ...wishes, grow });
    expect(plan.refusals).toEqual([]);
    expect(plan.cells.map(({ name }) => name)).toEqual(["house-main"]);
    expect(plan.router).toBeUndefined();
    expect(poolSizeOf(poolOf(plan).map(({ binding }) => binding))).toBe(5);
  });

  it.each([
    [
      "shrink a pool",
      deployedWith(8),
      wishes,
      "house-main has 8 databases, and a pool never shrinks.",
    ],
    [
      "bring new code",
      deployedWith(3),
      { ...wishes, version: "1.0.0+def" },
      "house-main runs 1.0.0+abc, and this is 1.0.0+def: check that out.",
    ],
    [
      "make a cell",
      { ...deployedWith(3), workers: new Map() },
      wishes,
      "house-main is not deployed: npm run deploy makes it.",
    ],
  ])("is not there to %s", (_, deployed, asked, sentence) => {
    expect(makePlan(environment, deployed, { ...asked, grow }).refusals).toContain(sentence);
  });

  it("knows its cells", () => {
    const plan = makePlan(environment, deployedWith(3), { ...wishes, grow: new Map([["us", 5]]) });
    expect(plan.refusals).toEqual(["There is no cell us."]);
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import {
  begun,
  complete,
  exported,
  makeCellsKnown,
  openCell,
  registryRow,
  routed,
  sent,
  TENANTS,
} from "../../support/archives.ts";
import { type Caller, newOperator, newTenant } from "../../support/client.ts";
import { type Around, LOST_TEXTS, wrapD1 } from "../../support/d1.ts";
import { bindings, databaseOf, firstValue, openWorker } from "../../support/worker.ts";

/** Databases of a tenant that are in use: it lives in them, or is being moved there. */
const living = (tenantId: string) =>
  firstValue<number>(
    bindings.CONTROL_DB,
    "SELECT count(*) FROM tenant_databases WHERE tenant_id = ? AND state = 'serving'",
    tenantId,
  );

let operator: Caller;
beforeAll(async () => {
  await makeCellsKnown();
  operator = await newOperator();
});

const whole = { "test-1": openCell("test-1"), "test-2": openCell("test-2") };

/** The cells, whose databases all go away after so many trips that write. */
function cellsThatFall(after: number) {
  let writes = 0;
  const around: Around = async (trip, run) => {
    if (trip.kind === "batch") writes += 1;
    if (writes > after) throw new Error(LOST_TEXTS[0]);
    return run();
  };
  const fallen = Object.entries(whole).map(([name, { env }]) => {
    const names = Object.keys(env).filter((each) => /^(CONTROL|TENANT)_DB/.test(each));
    const wrapped = names.map((each) => [each, wrapD1(databaseOf(each), around)]);
    const pool = names.filter((each) => each.startsWith("TENANT_DB_"));
    return [name, openWorker({ CELL: name, ...Object.fromEntries(wrapped) }, pool)];
  });
  return { ask: routed(Object.fromEntries(fallen)), writes: () => writes };
}

describe("a move that is cut off before any of its writes", () => {
  it("is resumed by asking again, and the tenant lives in one database all the while", async () => {
    const { token } = operator;
    const ask = routed(whole);
    let cuts = 0;
    for (let after = 0; ; after++) {
      const tenant = await newTenant();
      const body = { tenant_id: tenant.id, region: "eu" };
      const { ask: falling, writes } = cellsThatFall(after);
      const fell = async (reply: Promise<{ readonly status: number }>) => {
        const { status } = await reply;
        expect([200, 503], String(status)).toContain(status);
        expect(await living(tenant.id)).toBe(1);
      };
      await fell(falling("POST", `${TENANTS}/imports`, { token, body }));
      const url = await begun(ask, token, body);
      const archive = await exported(ask, token, tenant.id);
      await sent(ask, token, url, archive);
      const begunBy = writes();
      await fell(complete(falling, token, url, archive));
      const whileCut = await registryRow(tenant.id);
      expect(["importing", "active"]).toContain(whileCut.state);
      const done = await complete(ask, token, url, archive);
      expect(done.status, done.text).toBe(200);
      // Where the first call got through the registry, the job tells the house.
      await Promise.all(Object.values(whole).map((cell) => cell.tick()));
      const row = await registryRow(tenant.id);
      expect(row).toMatchObject({ state: "active", cell: "test-2", unsynced_since: null });
      expect(await living(tenant.id)).toBe(1);
      const fresh = databaseOf(String(row.binding));
      expect(await firstValue(fresh, "SELECT status FROM realm")).toBe("active");
      const imported = "SELECT count(*) FROM audit_log WHERE action = 'tenant.imported'";
      expect(await firstValue(fresh, imported)).toBe(1);
      cuts += 1;
      if (writes() <= after) break;
      expect(begunBy).toBeGreaterThan(0);
    }
    console.log(`${cuts} places of being cut off`);
    expect(cuts).toBeGreaterThan(6);
  });
});

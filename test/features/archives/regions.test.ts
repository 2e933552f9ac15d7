import { beforeAll, describe, expect, it } from "vitest";
import {
  begun,
  complete,
  exported,
  makeCellsKnown,
  openCell,
  openElsewhere,
  registryRow,
  routed,
  sent,
  TENANTS,
} from "../../support/archives.ts";
import { type Caller, newOperator, newTenant, problemOf } from "../../support/client.ts";
import { bindings, firstValue } from "../../support/worker.ts";

const cells = { "test-1": openCell("test-1"), "test-2": openCell("test-2") };
const ask = routed(cells);

let operator: Caller;
beforeAll(async () => {
  await makeCellsKnown();
  operator = await newOperator();
});

/** A suspended tenant whose data has to stay in a region, and its archive. */
async function european() {
  const tenant = await newTenant();
  await bindings.CONTROL_DB.prepare("UPDATE tenants SET region = 'eu' WHERE id = ?")
    .bind(tenant.id)
    .run();
  await ask("POST", `${TENANTS}/${tenant.id}/suspend`, { token: operator.token });
  const archive = await exported(ask, operator.token, tenant.id);
  expect(archive.header.tenant.region).toBe("eu");
  return { tenant, archive };
}

describe("where a tenant's data has to stay", () => {
  it("changes when a move is done, not when it begins, and never when it is given up", async () => {
    const { token } = operator;
    const tenant = await newTenant();
    const url = await begun(ask, token, { tenant_id: tenant.id, region: "eu" });
    expect(await registryRow(tenant.id)).toMatchObject({ state: "importing", region: null });
    expect((await ask("DELETE", url, { token })).status).toBe(204);
    expect(await registryRow(tenant.id)).toMatchObject({ state: "active", region: null });
    const again = await begun(ask, token, { tenant_id: tenant.id, region: "eu" });
    const archive = await exported(ask, token, tenant.id);
    await sent(ask, token, again, archive);
    expect((await complete(ask, token, again, archive)).status).toBe(200);
    expect(await registryRow(tenant.id)).toMatchObject({ cell: "test-2", region: "eu" });
  });

  it("is kept by a move that does not ask for another, and lifted by one that asks for none", async () => {
    const { token } = operator;
    const { tenant } = await european();
    for (const [more, region] of [
      [{}, "eu"],
      [{ region: null }, null],
    ] as const) {
      const url = await begun(ask, token, { tenant_id: tenant.id, ...more });
      const archive = await exported(ask, token, tenant.id);
      await sent(ask, token, url, archive);
      const done = await complete(ask, token, url, archive);
      expect(done.status, done.text).toBe(200);
      expect((await registryRow(tenant.id)).region).toBe(region);
    }
  });

  it("comes along in its archive to an environment that does not know it", async () => {
    const { tenant, archive } = await european();
    const regionless = await openElsewhere();
    const { token, control } = regionless;
    const body = { archive: archive.header };
    const refused = await regionless.call("POST", `${TENANTS}/imports`, { token, body });
    expect(problemOf(refused)).toBe("validation-failed");
    expect(refused.json.errors).toEqual([
      { pointer: "/region", message: "no cell keeps its data in eu" },
    ]);
    await control
      .prepare(
        `INSERT INTO cells (name, region, open, bound, claimable, created_at, updated_at, version)
          VALUES ('elsewhere', 'eu', 1, 14, 14, 0, 0, 1)`,
      )
      .run();
    const url = await begun(regionless.call, token, body);
    await sent(regionless.call, token, url, archive);
    const done = await complete(regionless.call, token, url, archive);
    expect(done.status, done.text).toBe(200);
    const row = "SELECT region FROM tenants WHERE id = ?";
    expect(await firstValue(control, row, tenant.id)).toBe("eu");
  });
});

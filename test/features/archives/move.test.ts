import { beforeAll, describe, expect, it } from "vitest";
import type { Doorbell } from "../../../src/platform/jobs/doorbell.ts";
import {
  begun,
  complete,
  exactRows,
  exported,
  fillingOf,
  makeCellsKnown,
  openCell,
  registryRow,
  routed,
  sent,
  TENANTS,
} from "../../support/archives.ts";
import { auditProves } from "../../support/audit-proof.ts";
import { type Caller, newOperator, newTenant, PASSWORD, problemOf } from "../../support/client.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { countRows, populate } from "../../support/populate.ts";
import { addService, eventOf, signed } from "../../support/webhooks.ts";
import { bindings, databaseOf, databaseOfTenant, firstValue, ring } from "../../support/worker.ts";

const cells = { "test-1": openCell("test-1"), "test-2": openCell("test-2") };
const ask = routed(cells);

let operator: Caller;
beforeAll(async () => {
  await makeCellsKnown();
  operator = await newOperator();
});

/** Begins, exports and sends; all but the last step of a move. */
async function carried(tenantId: string, more: object = { region: "eu" }) {
  const { token } = operator;
  const url = await begun(ask, token, { tenant_id: tenantId, ...more });
  const archive = await exported(ask, token, tenantId);
  await sent(ask, token, url, archive, 20_000);
  return { url, archive };
}

async function moved(tenantId: string, more?: object) {
  const { url, archive } = await carried(tenantId, more);
  const done = await complete(ask, operator.token, url, archive);
  expect(done.status, done.text).toBe(200);
  return { url, archive, done };
}

describe("a tenant that moves to another cell", () => {
  it("has every row of every table there, in its storage class and its place", async () => {
    const tenant = await newTenant();
    const old = await databaseOfTenant(tenant.slug);
    await populate(old, 25);
    const { url, archive } = await carried(tenant.id);
    const fresh = await fillingOf(url);
    const counts = await countRows(old);
    let compared = 0;
    for (const [table, rows] of Object.entries(counts)) {
      expect(rows, `${table} is populated`).toBeGreaterThan(0);
      const before = await exactRows(old, table);
      expect(await exactRows(fresh, table), table).toEqual(before);
      compared += before.length;
    }
    console.log(`${Object.keys(counts).length} tables, ${compared} rows are the same`);
    const done = await complete(ask, operator.token, url, archive);
    expect(done.json).toMatchObject({ state: "done", kind: "move", cell: "test-2" });
    const row = await registryRow(tenant.id);
    expect(row).toMatchObject({ cell: "test-2", state: "active", region: "eu" });
    expect(databaseOf(String(row.binding))).toBe(fresh);
    expect(await firstValue(fresh, "SELECT status FROM realm")).toBe("active");
    expect(await firstValue(old, "SELECT status FROM realm")).toBe("moving");
    const { results } = await bindings.CONTROL_DB.prepare(
      "SELECT cell, state FROM tenant_databases WHERE tenant_id = ? ORDER BY cell",
    )
      .bind(tenant.id)
      .all();
    expect(results).toEqual([
      { cell: "test-1", state: "retired" },
      { cell: "test-2", state: "serving" },
    ]);
  });

  it("keeps its tokens, its people, its webhooks' secrets and its log, which goes on", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant);
    const old = await databaseOfTenant(tenant.slug);
    const proved = await auditProves(old);
    const { token } = tenant.admin;
    await moved(tenant.id);
    const fresh = await databaseOfTenant(tenant.slug);
    expect(fresh).not.toBe(old);
    const there = cells["test-2"];
    const me = await there.call("GET", `${tenant.api}/auth/me`, { token });
    expect(me.status, me.text).toBe(200);
    const login = {
      email: tenant.admin.email,
      password: PASSWORD,
    };
    expect((await there.call("POST", `${tenant.api}/auth/login`, { body: login })).status).toBe(
      200,
    );
    const refreshed = await there.call("POST", `${tenant.api}/auth/refresh`, {
      body: { refresh_token: tenant.admin.refreshToken },
    });
    expect(refreshed.status, refreshed.text).toBe(200);
    const delivery = await signed(service, eventOf(service, "after the move"));
    const accepted = await there.call("POST", delivery.url, {
      raw: delivery.body,
      headers: delivery.headers,
    });
    expect(accepted.status, accepted.text).toBe(202);
    const forged = await there.call("POST", delivery.url, {
      raw: `${new TextDecoder().decode(delivery.body)} `,
      headers: delivery.headers,
    });
    expect(forged.status).toBe(401);
    const after = await auditProves(fresh);
    expect(after.rows).toBeGreaterThan(proved.rows);
    expect(after.gaps).toEqual([]);
    const { results } = await fresh
      .prepare("SELECT action FROM audit_log ORDER BY seq")
      .all<{ action: string }>();
    const actions = results.map(({ action }) => action);
    expect(actions.slice(actions.indexOf("tenant.move_begun"))).toEqual(
      expect.arrayContaining(["tenant.exported", "tenant.imported", "tenant.activated"]),
    );
    console.log(`${proved.rows} rows of the log proved before, ${after.rows} after`);
  });

  it("stands still on the way: nobody reads or writes, webhooks come again, doorbells wait", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant);
    const home = cells["test-1"];
    // The cell knows the way, so that the house itself has to say that it moves.
    await home.call("GET", `${tenant.api}/auth/me`, { token: tenant.admin.token });
    const old = await databaseOfTenant(tenant.slug);
    const { url, archive } = await carried(tenant.id);
    const before = await exactRows(old, "audit_log");
    const delivery = await signed(service, eventOf(service, "meanwhile"));
    const answers = [
      await home.call("GET", `${tenant.api}/users`, { token: tenant.admin.token }),
      await home.call("POST", delivery.url, { raw: delivery.body, headers: delivery.headers }),
      await home.call("POST", `${tenant.api}/auth/login`, {
        body: { email: tenant.admin.email, password: "wrong" },
      }),
    ];
    for (const answer of answers) {
      expect(problemOf(answer)).toBe("tenant-provisioning");
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect(await exactRows(old, "audit_log")).toEqual(before);
    const bell = { job: "webhooks.drain", tenant_id: tenant.id, slug: tenant.slug };
    expect(await ring([bell], "doorbells", home.env)).toEqual(["0"]);
    expect((await complete(ask, operator.token, url, archive)).status).toBe(200);
    const again = await signed(service, eventOf(service, "meanwhile"));
    const accepted = await cells["test-2"].call("POST", again.url, {
      raw: again.body,
      headers: again.headers,
    });
    expect(accepted.status, accepted.text).toBe(202);
  });

  it("has what it held processed at the new cell, whose own queues are rung", async () => {
    const { token } = operator;
    const tenant = await newTenant();
    const service = await addService(tenant);
    expect((await ask("POST", `${TENANTS}/${tenant.id}/suspend`, { token })).status).toBe(200);
    const delivery = await signed(service, eventOf(service, "held"));
    const held = await cells["test-1"].call("POST", delivery.url, {
      raw: delivery.body,
      headers: delivery.headers,
    });
    expect(held.status, held.text).toBe(202);
    const [left, queues] = [keptQueues(), keptQueues()];
    const kept = {
      "test-1": openCell("test-1", left.bindings),
      "test-2": openCell("test-2", queues.bindings),
    };
    const there = kept["test-2"];
    const asked = routed(kept);
    const { url, archive } = await carried(tenant.id);
    const done = await complete(asked, token, url, archive);
    expect(done.status, done.text).toBe(200);
    const fresh = await databaseOfTenant(tenant.slug);
    const state = () =>
      firstValue(fresh, "SELECT status FROM webhook_events WHERE id = ?", held.json.event_id);
    expect(queues.take(), "nobody works for a suspended tenant").toEqual([]);
    expect(await state()).toBe("pending");
    expect((await asked("POST", `${TENANTS}/${tenant.id}/activate`, { token })).status).toBe(200);
    const bells = queues.take().filter(({ queue }) => queue === "doorbells");
    expect(bells.map(({ body }) => [body.job, body.tenant_id])).toEqual([
      ["webhooks.drain", tenant.id],
    ]);
    expect(left.take(), "the cell that it left").toEqual([]);
    expect(await ring([...bells.map(({ body }) => body)], "doorbells", there.env)).toEqual([]);
    expect(await state()).toBe("completed");
  });

  it("has what waited when its move began processed when it has arrived", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant);
    const [left, queues] = [keptQueues(), keptQueues()];
    const home = openCell("test-1", left.bindings);
    const there = openCell("test-2", queues.bindings);
    const delivery = await signed(service, eventOf(service, "waiting"));
    const waiting = await home.call("POST", delivery.url, {
      raw: delivery.body,
      headers: delivery.headers,
    });
    expect(waiting.status, waiting.text).toBe(202);
    const [bell] = left.take();
    const { url, archive } = await carried(tenant.id);
    const asked = routed({ "test-1": home, "test-2": there });
    expect((await complete(asked, operator.token, url, archive)).status).toBe(200);
    const bells = queues.take().filter(({ body }) => body.job === "webhooks.drain");
    expect(bells.map(({ body }) => body.tenant_id)).toEqual([tenant.id]);
    expect(await ring([bells[0]?.body as Doorbell], "doorbells", there.env)).toEqual([]);
    const fresh = await databaseOfTenant(tenant.slug);
    const status = "SELECT status FROM webhook_events WHERE id = ?";
    expect(await firstValue(fresh, status, waiting.json.event_id)).toBe("completed");
    // The bell of before the move finds nobody at home.
    expect(await ring([bell?.body as Doorbell], "doorbells", home.env)).toEqual([]);
    expect(await firstValue(fresh, "SELECT count(*) FROM events")).toBe(1);
  });

  it("gives nobody the old house, not even who still knows the way", async () => {
    const tenant = await newTenant();
    const home = cells["test-1"];
    const { forgetRoute } = await import("../../../src/platform/tenancy/index.ts");
    const old = await databaseOfTenant(tenant.slug);
    const oldRoute = await registryRow(tenant.id);
    await moved(tenant.id);
    const { jobCtx } = await import("../../support/ctx.ts");
    const { enterByRoute, commit } = await import("../../../src/platform/tenancy/index.ts");
    const stale = {
      id: tenant.id,
      slug: tenant.slug,
      cell: "test-1",
      binding: String(oldRoute.binding),
      state: "active",
      schemaVersion: Number(oldRoute.schema_version),
    } as const;
    const inside = await enterByRoute(jobCtx(home.env), stale);
    const before = await exactRows(old, "audit_log");
    await expect(commit(inside, [], [{ action: "user.updated" }])).rejects.toMatchObject({
      code: "tenant-provisioning",
    });
    expect(await exactRows(old, "audit_log")).toEqual(before);
    forgetRoute(tenant.slug);
    const answer = await home.call("GET", `${tenant.api}/auth/me`, { token: tenant.admin.token });
    expect(answer.headers.get("rowhouse-cell")).toBe("test-2");
  });

  it("a suspended tenant may be exported first, and is suspended where it comes to", async () => {
    const tenant = await newTenant();
    const { token } = operator;
    await ask("POST", `${TENANTS}/${tenant.id}/suspend`, { token });
    const archive = await exported(ask, token, tenant.id);
    const url = await begun(ask, token, { archive: archive.header, region: "eu" });
    expect(await begun(ask, token, { archive: archive.header, region: "eu" })).toBe(url);
    await sent(ask, token, url, archive);
    const done = await complete(ask, token, url, archive);
    expect(done.status, done.text).toBe(200);
    expect(await registryRow(tenant.id)).toMatchObject({ cell: "test-2", state: "suspended" });
    expect(await firstValue(await databaseOfTenant(tenant.slug), "SELECT status FROM realm")).toBe(
      "suspended",
    );
    expect((await complete(ask, token, url, archive)).json).toEqual(done.json);
  });

  it("is not let in with an archive that is older than what it did since", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant);
    const { token } = operator;
    await ask("POST", `${TENANTS}/${tenant.id}/suspend`, { token });
    const archive = await exported(ask, token, tenant.id);
    // A suspended tenant's webhooks are still taken in.
    const delivery = await signed(service, eventOf(service, "late"));
    const late = { raw: delivery.body, headers: delivery.headers };
    expect((await ask("POST", delivery.url, late)).status).toBe(202);
    const url = await begun(ask, token, { archive: archive.header, region: "eu" });
    await sent(ask, token, url, archive);
    const refused = await complete(ask, token, url, archive);
    expect(problemOf(refused)).toBe("import-state");
    expect(await registryRow(tenant.id)).toMatchObject({ cell: "test-1", state: "importing" });
  });

  it("goes back to where it was when the import is given up, with nothing lost", async () => {
    const tenant = await newTenant();
    const { url } = await carried(tenant.id);
    const old = await databaseOfTenant(tenant.slug);
    const gone = await ask("DELETE", url, { token: operator.token });
    expect(gone.status, gone.text).toBe(204);
    expect((await ask("DELETE", url, { token: operator.token })).status).toBe(204);
    expect(await registryRow(tenant.id)).toMatchObject({ cell: "test-1", state: "active" });
    expect(await databaseOfTenant(tenant.slug)).toBe(old);
    expect(await firstValue(old, "SELECT status FROM realm")).toBe("active");
    const me = await ask("GET", `${tenant.api}/auth/me`, { token: tenant.admin.token });
    expect(me.status, me.text).toBe(200);
    await moved(tenant.id);
    expect(await registryRow(tenant.id)).toMatchObject({ cell: "test-2", state: "active" });
  });
});

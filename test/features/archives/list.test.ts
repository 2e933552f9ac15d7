import { beforeAll, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { TENANTS } from "../../support/archives.ts";
import { type Caller, call, newOperator, newTenant, problemOf } from "../../support/client.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { openWorker } from "../../support/worker.ts";

let operator: Caller;
beforeAll(async () => {
  operator = await newOperator();
});

const as = (method: string, url: string, body?: unknown) =>
  call(method, url, { token: operator.token, body });

/** Begins so many moves of a tenant, one after the other, and leaves the last one open. */
async function moved(id: string, times: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 1; at <= times; at++) {
    const begun = await as("POST", `${TENANTS}/imports`, { tenant_id: id });
    expect(begun.status, begun.text).toBe(200);
    ids.unshift(begun.json.id);
    if (at === times) break;
    const given = await as("DELETE", `${TENANTS}/${id}/imports/${begun.json.id}`);
    expect(given.status, given.text).toBe(204);
  }
  return ids;
}

it("tells a tenant's imports, newest first, page by page, and begins none", async () => {
  const [tenant, other] = [await newTenant(), await newTenant()];
  const url = `${TENANTS}/${tenant.id}/imports`;
  expect((await as("GET", url)).json).toEqual({ data: [], next_cursor: null });
  const ids = await moved(tenant.id, 3);
  const all = (await as("GET", url)).json.data;
  expect(all.map(({ id }: { id: string }) => id)).toEqual(ids);
  expect(all.map(({ state }: { state: string }) => state)).toEqual([
    "receiving",
    "abandoned",
    "abandoned",
  ]);
  expect(all[0]).toEqual((await as("GET", `${url}/${ids[0]}`)).json);
  const first = (await as("GET", `${url}?limit=2`)).json;
  const rest = (await as("GET", `${url}?limit=2&cursor=${first.next_cursor}`)).json;
  expect([...first.data, ...rest.data]).toEqual(all);
  expect(rest.next_cursor).toBeNull();

  const elsewhere = `${TENANTS}/${other.id}/imports`;
  expect((await as("GET", elsewhere)).json.data).toEqual([]);
  const stray = await as("GET", `${elsewhere}?cursor=${first.next_cursor}`);
  expect(problemOf(stray)).toBe("invalid-cursor");
  expect(problemOf(await as("GET", `${TENANTS}/${newId("tenant")}/imports`))).toBe("not-found");
  await as("DELETE", `${url}/${ids[0]}`);
});

it("finds them by an index", async () => {
  const tenant = await newTenant();
  const [open = ""] = await moved(tenant.id, 2);
  const { bindings, plansOf } = watchPlans();
  const watched = openWorker(bindings);
  const url = `${TENANTS}/${tenant.id}/imports`;
  const { token } = operator;
  const plans = await plansOf(async () => {
    const { json } = await watched.call("GET", `${url}?limit=1`, { token });
    await watched.call("GET", `${url}?limit=1&cursor=${json.next_cursor}`, { token });
  }, /tenant_imports/);
  expect(plans).toHaveLength(2);
  expectPlans(plans, { indexes: ["tenant_imports_tenant"], large: /SCAN tenant_imports/ });
  await as("DELETE", `${url}/${open}`);
});

it("says in which state a tenant is that cannot go on", async () => {
  const tenant = await newTenant();
  const [open = ""] = await moved(tenant.id, 1);
  for (const [method, path] of [
    ["POST", "/suspend"],
    ["POST", "/activate"],
    ["DELETE", ""],
  ] as const) {
    const refused = await as(method, `${TENANTS}/${tenant.id}${path}`);
    expect([refused.status, problemOf(refused)]).toEqual([409, "tenant-state"]);
    expect(refused.json.detail).toBe("The tenant is importing.");
  }
  await as("DELETE", `${TENANTS}/${tenant.id}/imports/${open}`);
  const shown = (await as("GET", `${TENANTS}/${tenant.id}`)).json;
  expect(shown).toMatchObject({
    state: "active",
    database: expect.stringMatching(/^TENANT_DB_/),
    schema_version: expect.any(Number),
    unsynced_since: null,
  });
});

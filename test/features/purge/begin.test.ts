import { afterEach, beforeAll, expect, it, vi } from "vitest";
import {
  type Caller,
  call,
  callWith,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { purgesOf } from "../../support/purges.ts";
import { registryOf } from "../../support/worker.ts";

const API = `${PLATFORM_ORIGIN}/api/v1`;
const DAY_MS = 86_400_000;

let operator: Caller;
beforeAll(async () => {
  operator = await newOperator();
});
afterEach(() => {
  vi.useRealTimers();
});

const as = (method: string, path: string, body?: unknown) =>
  call(method, `${API}${path}`, { token: operator.token, body });
const purge = ({ id }: TestTenant, slug: string) => as("POST", `/tenants/${id}/purge`, { slug });

/** A tenant that has been deactivated, so many days ago. */
async function leftTenant(daysAgo: number): Promise<TestTenant> {
  const tenant = await newTenant();
  const reply = await as("DELETE", `/tenants/${tenant.id}`);
  expect(reply.status, reply.text).toBe(204);
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(Date.now() + daysAgo * DAY_MS);
  operator = await newOperator();
  return tenant;
}

it("asks for the tenant's own slug, and does nothing for another's", async () => {
  const [tenant, other] = [await leftTenant(31), await newTenant()];
  for (const slug of [
    other.slug,
    `${tenant.slug}x`,
    tenant.slug.toUpperCase(),
    ` ${tenant.slug}`,
  ]) {
    const reply = await purge(tenant, slug);
    expect(problemOf(reply), slug).toBe("validation-failed");
    expect(reply.json.errors).toEqual([{ pointer: "/slug", message: "is not this tenant's slug" }]);
  }
  for (const body of [undefined, {}, { slug: 7 }, { slug: tenant.slug, force: true }]) {
    expect((await as("POST", `/tenants/${tenant.id}/purge`, body)).status).toBeOneOf([400, 422]);
  }
  await purgesOf().minute();
  expect(await registryOf(tenant.slug)).toMatchObject({ state: "deactivated" });
});

it("is for tenants that have left alone", async () => {
  const tenant = await newTenant();
  for (const state of ["active", "suspended"]) {
    if (state === "suspended") await as("POST", `/tenants/${tenant.id}/suspend`);
    const reply = await purge(tenant, tenant.slug);
    expect(problemOf(reply)).toBe("tenant-state");
    expect(reply.json.detail).toBe(`The tenant is ${state}, not deactivated.`);
  }
  expect(
    problemOf(
      await as("POST", "/tenants/tenant_01jdn2z7q5e8t9v0w1x2y3z4a5/purge", { slug: "acme" }),
    ),
  ).toBe("not-found");
});

it("keeps the data through the grace period, and says until when", async () => {
  const tenant = await leftTenant(29);
  const { deactivated_at } = (await registryOf(tenant.slug)) ?? {};
  const after = new Date(Number(deactivated_at) + 30 * DAY_MS).toISOString();
  expect((await as("GET", `/tenants/${tenant.id}`)).json.purge_after).toBe(after);
  const early = await purge(tenant, tenant.slug);
  expect(problemOf(early)).toBe("tenant-state");
  expect(early.json).toMatchObject({
    detail: `The tenant's data is kept until ${after}.`,
    purge_after: after,
  });

  vi.setSystemTime(new Date(after).getTime() - 1);
  operator = await newOperator();
  expect((await purge(tenant, tenant.slug)).status).toBe(409);
  vi.setSystemTime(new Date(after));
  expect((await purge(tenant, tenant.slug)).status).toBe(202);
});

it("takes the length of the grace from the settings", async () => {
  const tenant = await leftTenant(0);
  const url = `${API}/tenants/${tenant.id}/purge`;
  const options = { token: operator.token, body: { slug: tenant.slug } };
  const ask = (days: string) => callWith({ PURGE_GRACE_DAYS: days }, "POST", url, options);
  expect((await ask("1")).status).toBe(409);
  expect((await ask("0")).status).toBe(202);
});

it("begins once, however often it is asked for, and there is no way back", async () => {
  const tenant = await leftTenant(31);
  const [first, second] = await Promise.all([
    purge(tenant, tenant.slug),
    purge(tenant, tenant.slug),
  ]);
  expect([first.status, second.status].sort()).toEqual(
    first.status === second.status ? [202, 202] : [202, 409],
  );
  const again = await purge(tenant, tenant.slug);
  expect(again.status).toBe(202);
  expect(again.json).toMatchObject({
    id: tenant.id,
    state: "purging",
    status: "deactivated",
    purge_after: null,
  });
  const { version } = (await registryOf(tenant.slug)) ?? {};
  await purge(tenant, tenant.slug);
  expect(await registryOf(tenant.slug)).toMatchObject({ version });

  for (const [method, path] of [
    ["POST", "/activate"],
    ["POST", "/suspend"],
    ["DELETE", ""],
  ] as const) {
    expect(problemOf(await as(method, `/tenants/${tenant.id}${path}`)), path).toBe("tenant-state");
  }
  const renamed = await as("PUT", `/tenants/${tenant.id}`, { name: "Back again" });
  expect(problemOf(renamed), "nothing new is written down").toBe("tenant-state");
  expect(problemOf(await call("GET", `${tenant.api}/auth/me`, { token: tenant.admin.token }))).toBe(
    "tenant-not-found",
  );

  await purgesOf().minute();
  const purged = await purge(tenant, tenant.slug);
  expect(purged.status).toBe(202);
  expect(purged.json).toMatchObject({ state: "purged", name: tenant.slug });
  const log = await as("GET", `/audit?action=tenant.state_changed&target=${tenant.id}`);
  const moves: [string, string][] = log.json.data
    .slice(0, 3)
    .map(({ private: { from, to } }: { private: { from: string; to: string } }) => [from, to]);
  expect(moves).toEqual([
    ["purging", "purged"],
    ["deactivated", "purging"],
    ["active", "deactivated"],
  ]);
});

it("finds tenants by slug", async () => {
  const tenant = await newTenant();
  const found = await as("GET", `/tenants?slug=${tenant.slug}`);
  expect(found.json.data).toMatchObject([{ id: tenant.id, slug: tenant.slug, purge_after: null }]);
  expect(found.json.next_cursor).toBeNull();
  for (const query of ["slug=nobody-here", "slug=", `slug=${tenant.slug}&state=suspended`]) {
    expect((await as("GET", `/tenants?${query}`)).json.data, query).toEqual([]);
  }
});

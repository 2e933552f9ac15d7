import { describe, expect, it } from "vitest";
import { call, problemOf, type Reply } from "../support/client.ts";
import { REGISTER, registrationOf, times } from "../support/registration.ts";
import {
  bindings,
  DEEP,
  databaseOf,
  firstValue,
  openWorker,
  registryOf,
} from "../support/worker.ts";

/** Doors at which somebody knocks while they are opened, one after the other. */
const DOORS = DEEP ? 10 : 4;

const register = (slug: string, changes = {}) =>
  call("POST", REGISTER, { body: registrationOf(slug, changes) });

/** How many of the pool's databases somebody has begun to use. */
async function usedDatabases(): Promise<number> {
  const names = Object.keys(bindings).filter((name) => name.startsWith("TENANT_DB_"));
  const begun = "SELECT count(*) FROM sqlite_schema WHERE name = 'd1_migrations'";
  const counts = await Promise.all(
    names.map((name) => firstValue<number>(databaseOf(name), begun)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

const countIn = (table: string, where = "1") =>
  firstValue<number>(bindings.CONTROL_DB, `SELECT count(*) FROM ${table} WHERE ${where}`);

const registrationsCounted = () =>
  firstValue<number>(bindings.CONTROL_DB, "SELECT max(count) FROM registration_counts");

describe("registrations at once", () => {
  it("of one slug: one wins, and nothing is left of the others", async () => {
    const replies = await Promise.all(
      times(50, (index) => register("contested", { admin_email: `racer-${index}@contested.test` })),
    );
    const winners = replies.filter(({ status }) => status === 201);
    expect(winners).toHaveLength(1);
    const losers = replies.filter(({ status }) => status !== 201);
    expect(losers.map(problemOf)).toEqual(times(49, () => "slug-taken"));
    expect(losers.map(({ status }) => status)).toEqual(times(49, () => 409));

    expect(await countIn("tenants")).toBe(1);
    expect(await countIn("audit_log", "action = 'tenant.claimed'")).toBe(1);
    expect(await registrationsCounted()).toBe(1);
    expect(await usedDatabases()).toBe(1);
    const [winner] = winners as [Reply];
    const people = await call("GET", `${winner.json.tenant.url}/api/v1/users`, {
      token: winner.json.access_token,
    });
    expect(people.json.data.map(({ email }: { email: string }) => email)).toEqual([
      winner.json.user.email,
    ]);
  });

  it("of 50 slugs: 50 databases, each its own, each usable at once", async () => {
    const slugs = times(50, (index) => `house-${index}`);
    const replies = await Promise.all(slugs.map((slug) => register(slug)));
    expect(replies.map(({ status }) => status)).toEqual(times(50, () => 201));
    const rows = await Promise.all(slugs.map(registryOf));
    expect(new Set(rows.map((row) => row?.binding)).size).toBe(50);
    expect(rows.map((row) => row?.state)).toEqual(times(50, () => "active"));
    expect(rows.map((row) => row?.pending_seed)).toEqual(times(50, () => null));
    expect(await usedDatabases()).toBe(51);
    const names = await Promise.all(
      replies.map(({ json }) =>
        call("GET", `${json.tenant.url}/api/v1/tenants/current`, { token: json.access_token }),
      ),
    );
    expect(names.map(({ json }) => json.slug)).toEqual(slugs);
    expect(names.map(({ json }) => json.id)).toEqual(replies.map(({ json }) => json.tenant.id));
  });

  it("for a pool that runs dry: as many as there is room for, and nothing of the rest", async () => {
    const small = openWorker({}, ["TENANT_DB_0150", "TENANT_DB_0151", "TENANT_DB_0152"]);
    const before = { audit: await countIn("audit_log"), counted: await registrationsCounted() };
    const replies = await Promise.all(
      times(12, (index) => small.call("POST", REGISTER, { body: registrationOf(`late-${index}`) })),
    );
    const refused = replies.filter(({ status }) => status !== 201);
    expect(replies.length - refused.length).toBe(3);
    expect(refused.map(problemOf)).toEqual(times(9, () => "pool-exhausted"));
    expect(refused.map(({ status }) => status)).toEqual(times(9, () => 503));
    expect(refused.map(({ headers }) => headers.get("retry-after"))).toEqual(times(9, () => "60"));

    expect(await countIn("tenants", "slug LIKE 'late-%'")).toBe(3);
    expect(await countIn("audit_log", "action = 'tenant.claimed'")).toBe(1 + 50 + 3);
    expect(await registrationsCounted()).toBe(before.counted + 3);
    // claimed, claimed -> migrating, migrated, -> seeding, -> active: five rows for each winner.
    expect(await countIn("audit_log")).toBe(before.audit + 3 * 5);
    // The slug is free again: with room, the same registration succeeds.
    const loser = replies.findIndex(({ status }) => status !== 201);
    expect((await register(`late-${loser}`)).status).toBe(201);
  });

  it("while somebody knocks at the door: the door opens with the answer", async () => {
    for (const slug of times(DOORS, (index) => `knock-${index}`)) {
      const door = `http://${slug}.rowhouse.test/health`;
      const seen = new Set<number>();
      let done = false;
      const knock = async () => {
        while (!done) seen.add((await call("GET", door)).status);
      };
      const knocking = times(8, knock);
      const opened = async () => {
        const registered = await register(slug);
        return [registered, await call("GET", door)] as const;
      };
      const [registered, first] = await opened().finally(() => {
        done = true;
      });
      await Promise.all(knocking);
      expect(registered.status, registered.text).toBe(201);
      expect(first.status, first.text).toBe(200);
      expect([...seen].filter((status) => ![200, 404, 503].includes(status))).toEqual([]);
    }
  });
});

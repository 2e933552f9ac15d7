import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, newTenant, PASSWORD, PLATFORM_ORIGIN, signIn } from "../../support/client.ts";
import { showFigures } from "../../support/figures.ts";
import { wronglyHoused } from "../../support/open-cell.ts";
import { REGISTER, registrationOf, times } from "../../support/registration.ts";
import {
  bindings,
  databaseOf,
  databaseOfTenant,
  firstValue,
  openWorker,
  registryOf,
  tick,
  wrapAll,
} from "../../support/worker.ts";

const MINUTE = 60_000;

/** Everything in the registry and in a tenant's database that a second run could have changed. */
async function tracesOf(slug: string): Promise<unknown> {
  const row = await registryOf(slug);
  const count = (database: D1Database, table: string) =>
    firstValue<number>(database, `SELECT count(*) FROM ${table}`).catch(() => "no such table");
  // The log of runs has a row for each tick.
  const control = await count(bindings.CONTROL_DB, "audit_log WHERE action <> 'job_run.logged'");
  if (!row) return { control };
  const inside = databaseOf(String(row.binding));
  const tables = ["realm", "users", "signing_keys", "sessions", "audit_log", "d1_migrations"];
  return { control, row, inside: await Promise.all(tables.map((table) => count(inside, table))) };
}

/**
 * A Worker whose isolate dies at its trip of this number, before the database heard of it or after
 * it had answered; nothing that comes later is done.
 */
function dying(at: number, when: "before" | "after") {
  let trips = 0;
  const line = wrapAll(() => async (_, run) => {
    trips += 1;
    if (trips < at) return run();
    if (trips === at && when === "after") await run();
    // Of the errors that are not tried again: the dead try nothing again.
    throw new Error("D1_ERROR: the isolate is gone: SQLITE_ERROR");
  });
  return { ...openWorker(line), trips: () => trips };
}

async function expectWhole(slug: string): Promise<void> {
  const row = await registryOf(slug);
  expect(row).toMatchObject({ state: "active", pending_seed: null, unsynced_since: null });
  const inside = databaseOf(String(row?.binding));
  const { results: realms } = await inside.prepare("SELECT id FROM realm").all();
  expect(realms).toEqual([{ id: row?.id }]);
  const { results: people } = await inside.prepare("SELECT email, role FROM users").all();
  expect(people).toEqual([{ email: `admin@${slug}.test`, role: "admin" }]);
  expect(await firstValue(inside, "SELECT count(*) FROM signing_keys")).toBe(1);
  const registered = "SELECT count(*) FROM audit_log WHERE action = 'tenant.registered'";
  expect(await firstValue(inside, registered)).toBe(1);
  const { token } = await signIn(`http://${slug}.rowhouse.test/api/v1`, `admin@${slug}.test`);
  const me = await call("GET", `http://${slug}.rowhouse.test/api/v1/auth/me`, { token });
  expect(me.status).toBe(200);
}

async function expectNothing(slug: string): Promise<void> {
  expect(await registryOf(slug)).toBeNull();
  const door = await call("GET", `http://${slug}.rowhouse.test/health`);
  expect(door.status).toBe(404);
}

describe("provisioning", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("cut off at any trip, is finished by the job a minute later, or had never begun", async ({
    task,
  }) => {
    const whole = dying(Number.POSITIVE_INFINITY, "before");
    await whole.call("POST", REGISTER, { body: registrationOf("uncut") });
    const trips = whole.trips();
    expect(trips).toBeGreaterThan(10);
    const start = Date.now();
    const cuts = (["before", "after"] as const).flatMap((when) =>
      times(trips, (index) => ({ when, at: index + 1, slug: `cut-${when}-${index + 1}` })),
    );
    const left = new Map<string, string>();
    for (const { when, at, slug } of cuts) {
      const reply = await dying(at, when).call("POST", REGISTER, { body: registrationOf(slug) });
      expect(reply.status, slug).toBeGreaterThanOrEqual(500);
      left.set(slug, String((await registryOf(slug))?.state ?? "nothing"));
    }
    expect(await wronglyHoused()).toEqual([]);
    const traces = () => Promise.all(cuts.map(({ slug }) => tracesOf(slug)));

    const before = await traces();
    vi.setSystemTime(start + MINUTE);
    await tick();
    expect(await traces(), "somebody may still be at it").toEqual(before);

    vi.setSystemTime(Date.now() + MINUTE);
    // Ten in each run.
    for (const _ of times(Math.ceil(cuts.length / 10), () => null)) await tick();
    for (const [slug, state] of left) {
      await (state === "nothing" ? expectNothing(slug) : expectWhole(slug));
    }
    const done = await traces();
    vi.setSystemTime(Date.now() + 2 * MINUTE);
    await tick();
    expect(await traces(), "a second run does nothing").toEqual(done);

    for (const [slug, state] of left) {
      if (state !== "nothing") continue;
      expect((await call("POST", REGISTER, { body: registrationOf(slug) })).status).toBe(201);
      await expectWhole(slug);
    }
    const { results } = await bindings.CONTROL_DB.prepare(
      "SELECT count(*) AS all_of_them, count(DISTINCT binding) AS bindings FROM tenants",
    ).all();
    expect(results).toEqual([{ all_of_them: 1 + 2 * trips, bindings: 1 + 2 * trips }]);
    expect(await wronglyHoused()).toEqual([]);
    const states = Object.fromEntries(
      [...Map.groupBy(left.values(), (state) => state)].map(([state, all]) => [state, all.length]),
    );
    expect(Object.keys(states).sort()).toEqual(
      ["active", "claimed", "migrating", "nothing", "seeding"].sort(),
    );
    showFigures(task, `  ${cuts.length} cuts left: ${JSON.stringify(states)}`);
  });

  it("is resumed once, by however many jobs at once, beside the request that began it", async () => {
    const gate = Promise.withResolvers<void>();
    let trips = 0;
    const slow = openWorker(
      wrapAll(() => async (_, run) => {
        trips += 1;
        if (trips > 5) await gate.promise;
        return run();
      }),
    );
    const registering = slow.call("POST", REGISTER, { body: registrationOf("slowly") });
    await vi.waitUntil(async () => (await registryOf("slowly"))?.state === "migrating");
    vi.setSystemTime(Date.now() + MINUTE + 1);
    await Promise.all([tick(), tick(), tick()]);
    await expectWhole("slowly");
    gate.resolve();
    const registered = await registering;
    expect(registered.status, registered.text).toBe(201);
    await expectWhole("slowly");
  });

  it("shows its door as being set up meanwhile", async () => {
    const body = registrationOf("half-way");
    await dying(5, "before").call("POST", REGISTER, { body });
    const door = await call("POST", "http://half-way.rowhouse.test/api/v1/auth/login", {
      body: { email: "admin@half-way.test", password: PASSWORD },
    });
    expect([door.status, door.headers.get("retry-after")]).toEqual([503, "2"]);
    expect((await call("POST", REGISTER, { body })).status, "the slug is spoken for").toBe(409);
  });

  it("goes on with the others when one fails, however many fail", async () => {
    const stuck = times(12, (index) => `stuck-${index}`);
    for (const slug of stuck) {
      await dying(5, "before").call("POST", REGISTER, { body: registrationOf(slug) });
    }
    await bindings.CONTROL_DB.prepare(
      "UPDATE tenants SET pending_seed = 'unreadable', updated_at = 0 WHERE slug LIKE 'stuck-%'",
    ).run();
    await dying(5, "before").call("POST", REGISTER, { body: registrationOf("behind-them") });
    vi.setSystemTime(Date.now() + MINUTE + 1);
    // Ten of thirteen are tried each time, at random: 3 in 13 to be left out, 30 times over.
    for (const _ of times(30, () => null)) {
      if ((await registryOf("behind-them"))?.state === "active") break;
      await tick();
    }
    await expectWhole("behind-them");
  });

  it("never enters a database that holds another tenant", async () => {
    const { slug, api, admin } = await newTenant("settled");
    const inside = await databaseOfTenant(slug);
    const before = await inside.prepare("SELECT * FROM realm").all();
    // Somebody renamed the cell in the configuration: the database looks free.
    const own = { CELL: "renamed-1" };
    const { binding } = (await registryOf(slug)) as { binding: string };
    const confused = openWorker(own, [binding]);
    const reply = await confused.call("POST", REGISTER, { body: registrationOf("intruder") });
    expect(reply.status).toBe(500);
    expect((await registryOf("intruder"))?.state).toBe("seeding");
    vi.setSystemTime(Date.now() + MINUTE + 1);
    await confused.tick();
    expect((await registryOf("intruder"))?.state).toBe("seeding");
    expect((await inside.prepare("SELECT * FROM realm").all()).results).toEqual(before.results);
    expect(await firstValue(inside, "SELECT count(*) FROM users")).toBe(1);
    const again = await signIn(api, admin.email);
    expect(again.id).toBe(admin.id);
  });

  it("of an operator's tenant is the same", async () => {
    const { newOperator } = await import("../../support/client.ts");
    const { token } = await newOperator();
    const made = await call("POST", `${PLATFORM_ORIGIN}/api/v1/tenants`, {
      token,
      body: registrationOf("by-operator"),
    });
    expect(made.status, made.text).toBe(201);
    expect(made.headers.get("location")).toBe(`/api/v1/tenants/${made.json.id}`);
    await expectWhole("by-operator");
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { hashPassword } from "../../../src/platform/crypto/password-hash.ts";
import { newId } from "../../../src/platform/ids.ts";
import { TENANT_MIGRATIONS } from "../../../src/platform/tenancy/migrations.ts";
import { migrate } from "../../../src/platform/tenancy/migrator.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { call, PASSWORD, problemOf, signIn } from "../../support/client.ts";
import { type Around, LOST_TEXTS, wrapD1 } from "../../support/d1.ts";
import { jam, mend } from "../../support/fleet.ts";
import { times } from "../../support/registration.ts";
import { cellNamed } from "../../support/routers.ts";
import { SCHEMA } from "../../support/schema.ts";
import {
  bindings,
  databaseOf,
  firstValue,
  openWorker,
  registryOf,
  tick,
  wrapAll,
} from "../../support/worker.ts";

const NEWEST = TENANT_MIGRATIONS.length;
/** The oldest schema that a tenant with users can have. */
const FIRST = 1;
let taken = 0;

/** A tenant as an older release left it: its database has so many migrations, the registry says so many. */
async function oldTenant(slug: string, versions: { database: number; registry: number }) {
  const binding = `TENANT_DB_0${180 + taken++}`;
  const database = databaseOf(binding);
  await migrate(database, TENANT_MIGRATIONS.slice(0, versions.database));
  const [id, user, now] = [newId("tenant"), newId("user"), Date.now()];
  const email = `admin@${slug}.test`;
  await database.batch([
    database
      .prepare(
        `INSERT INTO realm (id, name, status, created_at, updated_at, version)
          VALUES (?, ?, 'active', ?, ?, 1)`,
      )
      .bind(id, `Company ${slug}`, now, now),
    database
      .prepare(
        `INSERT INTO users (id, email, first_name, last_name, role, password_hash,
          password_version, created_at, updated_at, version)
          VALUES (?, ?, 'Ada', 'Admin', 'admin', ?, 1, ?, ?, 1)`,
      )
      .bind(user, email, await hashPassword(PASSWORD, { ln: 4, r: 8, p: 5 }), now, now),
  ]);
  await bindings.CONTROL_DB.prepare(
    `INSERT INTO tenants (id, slug, name, plan, cell, binding, state, schema_version, created_at,
      updated_at, version) VALUES (?, ?, ?, 'standard', 'test-1', ?, 'active', ?, ?, ?, 1)`,
  )
    .bind(id, slug, slug, binding, versions.registry, now, now)
    .run();
  return { id, email, database, api: `http://${slug}.rowhouse.test/api/v1` };
}

const versionOf = (database: D1Database) =>
  firstValue<number>(database, "SELECT count(*) FROM d1_migrations");
const notedMigrations = (id: string) =>
  firstValue<number>(
    bindings.CONTROL_DB,
    "SELECT count(*) FROM audit_log WHERE action = 'tenant.migrated' AND target = ?",
    id,
  );

/** What a tenant does all day: sign in, read, write. */
async function works(api: string, email: string): Promise<void> {
  const { token } = await signIn(api, email);
  expect((await call("GET", `${api}/users`, { token })).status).toBe(200);
  const body = {
    email: `more-${crypto.randomUUID()}@old.test`,
    password: PASSWORD,
    first_name: "New",
    last_name: "User",
    role: "user",
  };
  const made = await call("POST", `${api}/users`, { token, body });
  expect(made.status, made.text).toBe(201);
}

describe("a tenant on an older schema", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("one version behind is served as it is", async () => {
    const version = NEWEST - 1;
    const { email, database, api } = await oldTenant("one-behind", {
      database: version,
      registry: version,
    });
    await works(api, email);
    expect(await versionOf(database)).toBe(version);
    expect((await registryOf("one-behind"))?.schema_version).toBe(version);
  });

  it("two versions behind is migrated when it is first touched, once by 20 at once", async () => {
    const { id, email, database, api } = await oldTenant("two-behind", {
      database: Math.max(FIRST, NEWEST - 2),
      registry: NEWEST - 2,
    });
    const replies = await Promise.all(times(20, () => call("GET", `${api}/auth/me`)));
    expect(new Set(replies.map(problemOf))).toEqual(new Set(["unauthenticated"]));
    expect(await versionOf(database)).toBe(SCHEMA);
    expect((await registryOf("two-behind"))?.schema_version).toBe(SCHEMA);
    expect(await notedMigrations(id)).toBe(1);
    // By nobody's doing: who happened to come first has no place in the platform's log.
    const noted = `SELECT principal || data FROM audit_log JOIN audit_private ON audit_id = id
      WHERE action = 'tenant.migrated' AND target = ?`;
    expect(await firstValue(bindings.CONTROL_DB, noted, id)).toMatch(
      /^job:schema\.catch_up.*"ip":""/,
    );
    await works(api, email);
    expect(await notedMigrations(id)).toBe(1);
  });

  it.each([
    ["a suspension", "suspended", "standard"],
    ["another plan", "active", "business"],
  ])("hears of %s: it is migrated before it is told", async (_, state, plan) => {
    // Older than the columns that it is told to change.
    const slug = `told-${state}`;
    const { database } = await oldTenant(slug, { database: 4, registry: 4 });
    await bindings.CONTROL_DB.prepare(
      "UPDATE tenants SET state = ?, plan = ?, version = 2, unsynced_since = 1 WHERE slug = ?",
    )
      .bind(state, plan, slug)
      .run();
    await tick();
    expect(await registryOf(slug)).toMatchObject({ unsynced_since: null, schema_version: SCHEMA });
    const told = await database.prepare("SELECT status, plan, registry_version FROM realm").first();
    expect(told).toEqual({ status: state, plan, registry_version: 2 });
  });

  it("whose migration was made but not noted is noted", async () => {
    const { id, email, database, api } = await oldTenant("not-noted", {
      database: NEWEST,
      registry: NEWEST - 2,
    });
    await works(api, email);
    expect(await versionOf(database)).toBe(NEWEST);
    expect((await registryOf("not-noted"))?.schema_version).toBe(SCHEMA);
    expect(await notedMigrations(id)).toBe(1);
  });

  it("is migrated once, though the router hands on for a minute what it knew before", async () => {
    const slug = "known-as-old";
    const old = { database: Math.max(FIRST, NEWEST - 2), registry: NEWEST - 2 };
    const { id, database, api } = await oldTenant(slug, old);
    const binding = String((await registryOf(slug))?.binding);
    const trips: string[] = [];
    const cell = cellNamed(
      "test-1",
      wrapAll((to) => (_, run) => {
        trips.push(to);
        return run();
      }),
    );
    /** Where an attempt to sign in goes, by a way that says so of the schema. */
    const tripsOfOne = async (schemaVersion: number) => {
      trips.length = 0;
      const door = await cell({
        id,
        slug,
        cell: "test-1",
        binding,
        state: "active",
        schemaVersion,
      });
      const body = JSON.stringify({ email: `${crypto.randomUUID()}@x.test`, password: PASSWORD });
      const headers = { "content-type": "application/json" };
      const answer = await door.fetch(`${api}/auth/login`, { method: "POST", headers, body });
      expect(answer.status).toBe(401);
      return [...trips];
    };
    const first = await tripsOfOne(old.registry);
    expect(first).toContain("CONTROL_DB");
    expect(await versionOf(database)).toBe(SCHEMA);
    const usual = await tripsOfOne(NEWEST);
    expect(new Set(usual)).toEqual(new Set([binding]));
    for (const _ of times(3, Number)) expect(await tripsOfOne(old.registry)).toEqual(usual);
    console.log(`${first.length} trips of the first, ${usual.length} of each other`);
    expect(await notedMigrations(id)).toBe(1);
  });

  it("whose connection is lost twice is migrated at the third try", async () => {
    const database = databaseOf(`TENANT_DB_0${180 + taken++}`);
    let lost = 0;
    const shaky = wrapD1(database, async (_, run) => {
      if (lost++ < 2) throw new Error(LOST_TEXTS[0]);
      return run();
    });
    const wait = vi.spyOn(scheduler, "wait").mockResolvedValue(undefined);
    expect(await migrate(shaky, TENANT_MIGRATIONS)).toBe(NEWEST);
    // Not at once, nor with everybody else who lost it.
    expect(wait).toHaveBeenCalledTimes(2);
    wait.mockRestore();
    expect(await versionOf(database)).toBe(NEWEST);
  });

  it("whose database is down is told to come back, and is migrated then", async () => {
    const { email, database, api } = await oldTenant("down", {
      database: Math.max(FIRST, NEWEST - 2),
      registry: NEWEST - 2,
    });
    for (const text of [
      LOST_TEXTS[0],
      "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
    ]) {
      const down: Around = async () => {
        throw new Error(text);
      };
      const row = await registryOf("down");
      const broken = openWorker(
        wrapAll((binding) => (binding === row?.binding ? down : (_, run) => run())),
      );
      const reply = await broken.call("GET", `${api}/auth/me`);
      expect([reply.status, problemOf(reply)]).toEqual([503, "database-unavailable"]);
      expect(reply.headers.get("retry-after")).toBe("5");
    }
    await works(api, email);
    expect(await versionOf(database)).toBe(SCHEMA);
  });

  it("whose database refuses the migration is alone told to come back, and is tried anew later", async () => {
    const behind = { database: NEWEST - 2, registry: NEWEST - 2 };
    const { email, database, api } = await oldTenant("jammed", behind);
    const neighbour = await oldTenant("not-jammed", behind);
    await jam(database);
    const ask = () => call("GET", `${api}/auth/me`);
    const { result: reply, entries } = await captureLogs(ask);
    expect([reply.status, problemOf(reply)]).toEqual([503, "tenant-migrating"]);
    expect(reply.headers.get("retry-after")).toBe("10");
    expect(reply.text).not.toContain("in the way");
    const line = entries.find(({ message }) => message === "failed");
    expect(line).toMatchObject({ level: "error", code: "tenant-migrating" });
    expect(line.error).toContain(TENANT_MIGRATIONS[NEWEST - 2]?.name);
    expect(JSON.stringify(line.cause)).toContain("something is in the way");
    await works(neighbour.api, neighbour.email);

    await mend(database);
    expect(problemOf(await ask()), "it is left alone for 10 seconds").toBe("tenant-migrating");
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 10_000);
    await works(api, email);
    expect(await versionOf(database)).toBe(SCHEMA);
  });
});

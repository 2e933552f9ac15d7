import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeAll, expect, it } from "vitest";
import { enterPurging, eraseDatabase } from "../../../src/platform/tenancy/index.ts";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { jobCtx } from "../../support/ctx.ts";
import { type Around, LOST_TEXTS } from "../../support/d1.ts";
import { showFigures } from "../../support/figures.ts";
import { countRows, populate } from "../../support/populate.ts";
import { purging as askToPurge, purgesOf } from "../../support/purges.ts";
import { seededRandom } from "../../support/random.ts";
import { REGISTER, registrationOf } from "../../support/registration.ts";
import {
  bindings,
  databaseOf,
  databaseOfTenant,
  firstValue,
  registryOf,
  wrapAll,
} from "../../support/worker.ts";

const API = `${PLATFORM_ORIGIN}/api/v1`;
/** More than a batch deletes. */
const ROWS = 700;

let operator: Caller;
beforeAll(async () => {
  operator = await newOperator();
});

const purging = (tenant: TestTenant) => askToPurge(operator, tenant);
const stateOf = async ({ slug }: TestTenant) => (await registryOf(slug))?.state;
const rowsIn = async (binding: unknown) => countRows(databaseOf(String(binding)));

type Kind = "RATE_LIMITER" | "CIRCUIT_BREAKER" | "SIGNAL_STREAM";
const namespaceOf = (kind: Kind) => bindings[kind] as unknown as DurableObjectNamespace;

/** How many values an object keeps. */
const keptBy = (object: DurableObjectStub) =>
  runInDurableObject(object, (_, { storage }) => [...storage.kv.list()].length);

/** How many values the objects of a kind keep. Those of this file's tenants are all that there are. */
async function keptIn(kind: Kind): Promise<number> {
  const namespace = namespaceOf(kind);
  let kept = 0;
  for (const id of await listDurableObjectIds(namespace)) kept += await keptBy(namespace.get(id));
  return kept;
}

it("leaves nothing of a tenant but id and slug", async ({ task }) => {
  const tenant = await newTenant();
  const { token } = tenant.admin;
  const ask = (method: string, path: string, body?: unknown) =>
    call(method, `${tenant.api}${path}`, { token, body });
  // A breaker that is alive, one whose service is gone, a stream, and the tenant's own limits.
  for (const slug of ["kept", "gone"]) {
    const api = { base_url: "https://api.partner.example", auth: { type: "none" } };
    expect((await ask("POST", "/services", { slug, name: slug, api })).status).toBe(201);
    expect((await ask("POST", `/services/${slug}/breaker/open`)).status).toBe(200);
  }
  expect((await ask("DELETE", "/services/gone")).status).toBe(204);
  expect((await ask("POST", "/signals/stream-tickets")).status).toBe(201);
  const accounts = namespaceOf("RATE_LIMITER").getByName(`tenant:${tenant.id}`);
  expect(await keptIn("CIRCUIT_BREAKER")).toBe(2);
  expect(await keptIn("SIGNAL_STREAM")).toBeGreaterThan(0);
  expect(await keptBy(accounts)).toBeGreaterThan(0);

  const database = await databaseOfTenant(tenant.slug);
  await populate(database, ROWS);
  const before = await countRows(database);
  expect(Object.keys(before).length).toBeGreaterThan(25);
  await purging(tenant);
  await purgesOf().minute();

  const row = await registryOf(tenant.slug);
  expect(row).toMatchObject({
    id: tenant.id,
    slug: tenant.slug,
    name: tenant.slug,
    state: "purged",
    pending_seed: null,
    limits: null,
  });
  expect(await countRows(database)).toEqual({});
  expect(await keptIn("CIRCUIT_BREAKER")).toBe(0);
  expect(await keptBy(accounts)).toBe(0);
  // The stream clears up by its alarm, once its ticket is too old.
  const streams = namespaceOf("SIGNAL_STREAM");
  for (const id of await listDurableObjectIds(streams)) {
    await runInDurableObject(streams.get(id), (_, { storage }) => {
      for (const [key, value] of storage.kv.list()) {
        if (key !== "house") storage.kv.put(key, { ...(value as object), expiresAt: 0 });
      }
    });
    await runDurableObjectAlarm(streams.get(id));
  }
  expect(await keptIn("SIGNAL_STREAM")).toBe(0);
  const total = Object.values(before).reduce((sum, count) => sum + count);
  showFigures(task, `purge: ${total} rows of ${Object.keys(before).length} tables erased`);

  // The door stays shut, and nobody else gets slug or database.
  expect(problemOf(await call("GET", `${tenant.api}/auth/me`, { token }))).toBe("tenant-not-found");
  const again = await call("POST", REGISTER, { body: registrationOf(tenant.slug) });
  expect(problemOf(again)).toBe("slug-taken");
  const claim = await bindings.CONTROL_DB.prepare(
    "SELECT state, tenant_id, retired_at FROM tenant_databases WHERE cell = ? AND binding = ?",
  )
    .bind(row?.cell, row?.binding)
    .first();
  expect(claim).toMatchObject({ state: "retired", tenant_id: tenant.id });
  expect(claim?.retired_at).not.toBeNull();
});

it("leaves no personal data of the tenant's people in the control database", async () => {
  const tenant = await newTenant();
  const named = { name: `Heirs of ${tenant.slug}` };
  const url = `${API}/tenants/${tenant.id}`;
  const { CONTROL_DB } = bindings;
  const renamed = await call("PUT", url, { token: operator.token, body: named });
  expect(renamed.status, renamed.text).toBe(200);
  const run = "run_01jdn2z7q5e8t9v0w1x2y3z4a5";
  await CONTROL_DB.batch([
    CONTROL_DB.prepare(
      "INSERT INTO job_runs (id, name, status, started_at, done, failed) VALUES (?, 'x', 'done', 0, 0, 0)",
    ).bind(run),
    CONTROL_DB.prepare(
      `INSERT INTO job_failures (run_id, tenant_id, slug, chores, error, tries, failed_at)
        VALUES (?, ?, ?, '[]', 'x', 1, 0)`,
    ).bind(run, tenant.id, tenant.slug),
    CONTROL_DB.prepare(
      "INSERT INTO invitations (id, hash, created_at, expires_at, tenant_id) VALUES ('i', 'h', 0, 0, ?)",
    ).bind(tenant.id),
  ]);
  const logged = () =>
    firstValue<number>(CONTROL_DB, "SELECT count(*) FROM audit_log WHERE target = ?", tenant.id);
  const before = await logged();
  await purging(tenant);
  await purgesOf().minute();

  const traces = (sql: string) => firstValue<number>(CONTROL_DB, sql, tenant.id);
  expect(await traces("SELECT count(*) FROM job_failures WHERE tenant_id = ?")).toBe(0);
  expect(await traces("SELECT count(*) FROM invitations WHERE tenant_id = ?")).toBe(0);
  expect(await logged()).toBeGreaterThan(before);
  const { results } = await CONTROL_DB.prepare(
    `SELECT action, data FROM audit_private JOIN audit_log ON audit_log.id = audit_id
      WHERE target = ?`,
  )
    .bind(tenant.id)
    .all<{ action: string; data: string }>();
  expect([...new Set(results.map(({ action }) => action))]).toEqual(["tenant.state_changed"]);
  // Nowhere in any table: the company's name, its admin, who registered it.
  const tables = Object.keys(await countRows(CONTROL_DB));
  for (const table of tables) {
    const { results: rows } = await CONTROL_DB.prepare(`SELECT * FROM "${table}"`).all();
    const text = JSON.stringify(rows);
    for (const trace of [named.name, `Company ${tenant.slug}`, tenant.admin.email]) {
      expect(text, `${trace} in ${table}`).not.toContain(trace);
    }
  }
});

it("erases rows in chunks, and drops tables only when they are empty", async ({ task }) => {
  const tenant = await newTenant();
  const binding = String((await registryOf(tenant.slug))?.binding);
  await populate(databaseOf(binding), ROWS);
  await purging(tenant);
  const left: Record<string, number>[] = [];
  let batches = 0;
  const worker = purgesOf(
    wrapAll((name) => async (trip, run) => {
      if (name !== binding || trip.kind === "read") return run();
      batches += 1;
      if (trip.sql.some((sql) => sql.startsWith("DROP TABLE"))) left.push(await rowsIn(binding));
      for (const sql of trip.sql.filter((each) => each.startsWith("DELETE"))) {
        expect(sql).toMatch(/LIMIT \?\)$/);
      }
      return run();
    }),
  );
  await worker.minute();
  expect(await stateOf(tenant)).toBe("purged");
  const filled = left.map((rows) => Object.keys(rows).filter((table) => rows[table] !== 0));
  expect(filled).toEqual([["realm"]]);
  showFigures(task, `purge: ${batches} batches for ${ROWS} rows in each table`);
});

it("stops after as many batches as it is given, and has lost nobody's place by that", async () => {
  const tenant = await newTenant();
  const row = await registryOf(tenant.slug);
  const { audit_log: logged = 0 } = await rowsIn(row?.binding);
  await purging(tenant);
  const house = await enterPurging(jobCtx(), {
    id: tenant.id,
    slug: tenant.slug,
    cell: String(row?.cell),
    binding: String(row?.binding),
    state: "purging",
    schemaVersion: Number(row?.schema_version),
  });
  expect(await eraseDatabase(house, 0)).toBe(false);
  const kept = await rowsIn(row?.binding);
  expect(kept.audit_log).toBeGreaterThanOrEqual(logged);
  expect(await firstValue(databaseOf(String(row?.binding)), "SELECT status FROM realm")).toBe(
    "deactivated",
  );
  await purgesOf().minute();
  expect(await rowsIn(row?.binding)).toEqual({});
});

it("goes on wherever it was broken off", async ({ task }) => {
  const random = seededRandom("purge broken off");
  const tenant = await newTenant();
  const binding = String((await registryOf(tenant.slug))?.binding);
  await populate(databaseOf(binding), 20);
  await purging(tenant);
  let trips = 0;
  let runs = 0;
  while ((await stateOf(tenant)) !== "purged") {
    // Cut off a little later each time, before a batch or after it, in either database.
    const cut = 1 + runs * 3 + Math.floor(random.next() * 3);
    const hides = random.chance(0.5);
    let seen = 0;
    const around: Around = async (trip, run) => {
      const isWork = trip.sql.some((sql) => /DELETE|DROP|UPDATE "tenants"/i.test(sql));
      if (!isWork) return run();
      trips += 1;
      seen += 1;
      if (seen < cut) return run();
      if (hides) await run();
      throw new Error(random.pick(LOST_TEXTS));
    };
    const worker = purgesOf(
      wrapAll((name) => (name === binding || name === "CONTROL_DB" ? around : (_, run) => run())),
    );
    await worker.minute().catch(() => {});
    runs += 1;
    expect(runs).toBeLessThan(40);
  }
  showFigures(task, `purge: broken off ${runs - 1} times, ${trips} trips that change something`);
  expect(runs).toBeGreaterThan(5);
  expect(await rowsIn(binding)).toEqual({});
  const ended = await bindings.CONTROL_DB.prepare(
    `SELECT data FROM audit_log JOIN audit_private ON audit_id = audit_log.id
      WHERE target = ? AND json_extract(data, '$.to') = 'purged'`,
  )
    .bind(tenant.id)
    .all();
  expect(ended.results).toHaveLength(1);
});

it("is not held up by a tenant whose database has gone", async () => {
  const [gone, other] = [await purging(await newTenant()), await purging(await newTenant())];
  const broken = String((await registryOf(gone.slug))?.binding);
  const worker = purgesOf(
    wrapAll((name) =>
      name === broken ? () => Promise.reject(new Error(LOST_TEXTS[0])) : (_, run) => run(),
    ),
  );
  await worker.minute();
  expect([await stateOf(gone), await stateOf(other)]).toEqual(["purging", "purged"]);
  await purgesOf().minute();
  expect(await stateOf(gone)).toBe("purged");
});

it("erases nothing where the registry names another tenant's database", async () => {
  const [wrong, neighbour] = [await newTenant(), await newTenant()];
  await purging(wrong);
  const { CONTROL_DB } = bindings;
  const [own, theirs] = [await registryOf(wrong.slug), await registryOf(neighbour.slug)];
  const point = (slug: string, binding: unknown) =>
    CONTROL_DB.prepare("UPDATE tenants SET binding = ? WHERE slug = ?").bind(binding, slug);
  const before = await rowsIn(theirs?.binding);
  // Through a third name, since of each database there is one.
  await CONTROL_DB.batch([
    point(neighbour.slug, "TENANT_DB_0199"),
    point(wrong.slug, theirs?.binding),
    point(neighbour.slug, own?.binding),
  ]);
  await purgesOf().minute();
  expect(await stateOf(wrong)).toBe("purging");
  expect(await rowsIn(theirs?.binding)).toEqual(before);
  expect(await firstValue(databaseOf(String(theirs?.binding)), "SELECT status FROM realm")).toBe(
    "active",
  );
  await CONTROL_DB.batch([
    point(neighbour.slug, "TENANT_DB_0199"),
    point(wrong.slug, own?.binding),
    point(neighbour.slug, theirs?.binding),
  ]);
  await purgesOf().minute();
  expect(await stateOf(wrong)).toBe("purged");
  expect(await rowsIn(theirs?.binding)).toEqual(before);
});

it("leaves tenants of other cells to those", async () => {
  const tenant = await purging(await newTenant());
  const move = (cell: unknown) =>
    bindings.CONTROL_DB.prepare("UPDATE tenants SET cell = ? WHERE id = ?")
      .bind(cell, tenant.id)
      .run();
  await move("elsewhere-1");
  await purgesOf().minute();
  expect(await stateOf(tenant)).toBe("purging");
  await move(bindings.CELL);
  await purgesOf().minute();
  expect(await stateOf(tenant)).toBe("purged");
});

/** Tenants that the release before has made, and what this one does to bring them up to date. */
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { MIGRATE } from "../../src/features/migrations/advance.service.ts";
import { migrationSchedules } from "../../src/features/migrations/index.ts";
import { runSchedules } from "../../src/platform/jobs/schedules.ts";
import { TENANT_MIGRATIONS } from "../../src/platform/tenancy/migrations.ts";
import { type Caller, PASSWORD, PLATFORM_ORIGIN, problemOf, type Reply } from "./client.ts";
import type { KeptQueues } from "./kept-queues.ts";
import { bring } from "./queue-batches.ts";
import { REGISTER, registrationOf, times } from "./registration.ts";
import { emptyRegistry } from "./rounds.ts";
import { bindings, databaseOfTenant, firstValue, type OtherWorker, openWorker } from "./worker.ts";

/** The schema of this release, whichever one the tests run on. */
export const NEWEST = TENANT_MIGRATIONS.length;
/** Settings of this release, and of one that knows all migrations but the last. */
export const RELEASE: Partial<Bindings> = { TENANT_SCHEMA: undefined };
const RELEASE_BEFORE: Partial<Bindings> = { TENANT_SCHEMA: String(NEWEST - 1) };

const MIGRATIONS = `${PLATFORM_ORIGIN}/api/v1/migrations`;

export interface OldTenant {
  readonly id: string;
  readonly slug: string;
  readonly api: string;
  readonly token: string;
  readonly database: D1Database;
}

/** Registers a tenant with the release before. */
export async function oldTenant(slug: string): Promise<OldTenant> {
  const before = openWorker(RELEASE_BEFORE);
  const reply = await before.call("POST", REGISTER, { body: registrationOf(slug) });
  expect(reply.status, reply.text).toBe(201);
  const { tenant, access_token: token } = reply.json;
  const database = await databaseOfTenant(slug);
  return { id: tenant.id, slug, api: `${tenant.url}/api/v1`, token, database };
}

/** So many tenants of the release before. */
export const oldTenants = (name: string, count: number): Promise<OldTenant[]> =>
  Promise.all(times(count, () => oldTenant(`${name}-${++made}`)));
let made = 0;

/** A registry without tenants, and without runs that would be in the way. */
export async function emptyFleet(): Promise<void> {
  await emptyRegistry();
  await bindings.CONTROL_DB.batch([
    bindings.CONTROL_DB.prepare("DELETE FROM migration_targets"),
    bindings.CONTROL_DB.prepare("DELETE FROM migration_runs"),
  ]);
}

/** Whatever is migrated there fails at its first statement, until it is mended. */
export async function jam(database: D1Database): Promise<void> {
  await database
    .prepare(
      `CREATE TRIGGER in_the_way BEFORE INSERT ON d1_migrations
        BEGIN SELECT RAISE(ABORT, 'something is in the way'); END`,
    )
    .run();
}

export async function mend(database: D1Database): Promise<void> {
  await database.prepare("DROP TRIGGER in_the_way").run();
}

/** Number of migrations that a database has. */
export const schemaOf = (database: D1Database) =>
  firstValue<number>(database, "SELECT count(*) FROM d1_migrations");

/** What a tenant does all day: it signs in, reads and writes. */
export async function expectServed(by: OtherWorker, { api, slug }: OldTenant): Promise<void> {
  const body = { email: `admin@${slug}.test`, password: PASSWORD };
  const login = await by.call("POST", `${api}/auth/login`, { body });
  expect(login.status, login.text).toBe(200);
  const token = login.json.access_token;
  expect((await by.call("GET", `${api}/users`, { token })).status).toBe(200);
  const made = await by.call("POST", `${api}/actors`, {
    token,
    body: { type: "support", name: "Ada" },
  });
  expect(made.status, made.text).toBe(201);
}

/** Migrations as an operator asks for them. */
export function operatorOf(by: OtherWorker, { token }: Caller) {
  const ask = (method: string, path = "", body?: unknown): Promise<Reply> =>
    by.call(method, `${MIGRATIONS}${path}`, { token, ...(body === undefined ? {} : { body }) });
  return {
    ask,
    /** @returns its id */
    start: async (body: object = {}): Promise<string> => {
      const reply = await ask("POST", "", body);
      expect(reply.status, reply.text).toBe(202);
      expect(reply.headers.get("location")).toBe(`/api/v1/migrations/${reply.json.id}`);
      return reply.json.id;
    },
    resume: async (id: string): Promise<void> => {
      const reply = await ask("POST", `/${id}/resume`);
      expect(reply.status, reply.text).toBe(202);
    },
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
    get: async (id: string): Promise<any> => {
      const reply = await ask("GET", `/${id}`);
      expect(reply.status, reply.text).toBe(200);
      return reply.json;
    },
    problem: async (method: string, path: string, body?: unknown) => {
      const reply = await ask(method, path, body);
      return [reply.status, problemOf(reply)];
    },
  };
}

/** Bells of migrations that the queues were sent since the last call. */
export const migrationBells = (queues: KeptQueues) =>
  queues.take().filter(({ body }) => body.job === MIGRATE.name);

/**
 * Brings bells to their consumer, one by one, until none is rung any more.
 * @returns slugs, in the order of their bells
 */
export async function bringAll(queues: KeptQueues, env: Bindings): Promise<string[]> {
  const brought: string[] = [];
  for (let bells = migrationBells(queues); bells.length > 0; bells = migrationBells(queues)) {
    for (const { body } of bells) {
      const { acked } = await bring("doorbells", [body], { env });
      expect(acked, `the bell of ${body.slug} is not brought again`).toEqual([0]);
      brought.push(body.slug);
    }
  }
  return brought;
}

/** The minute's tick, as far as it is about migrations. */
export const minute = (env: Bindings) => runSchedules(migrationSchedules, "* * * * *", env);

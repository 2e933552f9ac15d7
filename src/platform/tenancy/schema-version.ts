import { and, eq, lt } from "drizzle-orm";
import type { Settings } from "../../env.ts";
import { createLru } from "../lru.ts";
import { Failure } from "../problems.ts";
import { commit } from "./commit.ts";
import { forgetRoute, type TenantRoute } from "./directory.ts";
import { requireCell } from "./here.ts";
import { TENANT_MIGRATIONS } from "./migrations.ts";
import { migrate } from "./migrator.ts";
import { poolDatabase } from "./pool.ts";
import { tenants } from "./registry.tables.ts";
import { write } from "./statements.ts";
import { internalsOf, jobScope, platformCtx, type RequestScope } from "./tenancy.ts";

/** The schema that this release is written for. */
export const SCHEMA_VERSION = TENANT_MIGRATIONS.length;

/** How long a tenant whose migration has failed is left alone, in ms: every request would try it. */
const LEFT_ALONE_MS = 10_000;
/** Of how many an isolate remembers it. */
const KEPT = 1_000;
const failedAt = createLru<number>(KEPT);
/** Databases that this isolate has caught up with, by binding: a router may hand on what it knew before. */
const caughtUp = createLru<true>(KEPT);

/** The schema that tenants are brought to: the release's, unless a test wants the one before. */
export function schemaGoal({ TENANT_SCHEMA }: Settings): number {
  return Math.min(TENANT_SCHEMA ?? SCHEMA_VERSION, SCHEMA_VERSION);
}

/** The schema that a tenant has once {@link migrateIfBehind} has been there. */
export function schemaOnceTouched(settings: Settings, schemaVersion: number): number {
  return isBehind(schemaVersion) ? schemaGoal(settings) : schemaVersion;
}

function isBehind(schemaVersion: number): boolean {
  return schemaVersion < SCHEMA_VERSION - 1;
}

/**
 * A release runs on its schema and on the one before. A tenant that is older still, because the
 * fleet's migration has not reached it, is migrated when it is first touched.
 * @throws Failure `tenant-migrating` where its database refuses that; `database-unavailable`
 */
export async function migrateIfBehind(scope: RequestScope, route: TenantRoute): Promise<void> {
  if (!isBehind(route.schemaVersion) || caughtUp.get(route.binding)) return;
  if (Date.now() - (failedAt.get(route.id) ?? Number.NEGATIVE_INFINITY) < LEFT_ALONE_MS) {
    throw new Failure("tenant-migrating");
  }
  try {
    // Whoever happens to come first asked for something else: it is not their doing.
    await migrateTenant(jobScope(scope.tenancy, "schema.catch_up", scope.request.id), route);
    caughtUp.set(route.binding, true);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    failedAt.set(route.id, Date.now());
    throw new Failure("tenant-migrating", undefined, { cause });
  }
}

/**
 * Migrates a tenant's database and notes its version in the registry; of many at once, one does. What
 * fails leaves the database at the last migration that went through.
 * @throws Failure `misdirected`: in another cell the binding is somebody else's; `database-unavailable`
 * @throws MigrationRefused
 */
export async function migrateTenant(scope: RequestScope, route: TenantRoute): Promise<void> {
  const { env, settings } = internalsOf(scope.tenancy);
  requireCell({ settings }, route.cell);
  const wanted = TENANT_MIGRATIONS.slice(0, schemaGoal(settings));
  const schemaVersion = await migrate(poolDatabase(env, route.binding), wanted);
  await commit(
    platformCtx(scope),
    [
      {
        statement: write
          .update(tenants)
          .set({ schemaVersion })
          .where(
            and(
              eq(tenants.id, route.id),
              // It may have moved meanwhile, to a database that this one's migrations say nothing of.
              eq(tenants.cell, route.cell),
              eq(tenants.binding, route.binding),
              lt(tenants.schemaVersion, schemaVersion),
            ),
          ),
        expect: "any",
        as: "tenants.schema_version",
      },
    ],
    [
      {
        action: "tenant.migrated",
        target: route.id,
        details: { schema_version: schemaVersion },
        whenChanged: "tenants.schema_version",
      },
    ],
  );
  forgetRoute(route.slug);
}

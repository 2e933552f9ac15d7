import { and, eq, lt } from "drizzle-orm";
import { commit } from "./commit.ts";
import { forgetRoute, type TenantRoute } from "./directory.ts";
import { TENANT_MIGRATIONS } from "./migrations.ts";
import { migrate } from "./migrator.ts";
import { poolDatabase } from "./pool.ts";
import { tenants } from "./registry.tables.ts";
import { write } from "./statements.ts";
import { internalsOf, jobScope, platformCtx, type RequestScope } from "./tenancy.ts";

/** The schema that this release is written for. */
export const SCHEMA_VERSION = TENANT_MIGRATIONS.length;

/**
 * A release runs on its schema and on the one before. A tenant that is older still, because the
 * fleet's migration has not reached it, is migrated when it is first touched.
 */
export async function migrateIfBehind(scope: RequestScope, route: TenantRoute): Promise<void> {
  if (route.schemaVersion >= SCHEMA_VERSION - 1) return;
  // Whoever happens to come first asked for something else: it is not their doing.
  await migrateTenant(jobScope(scope.tenancy, "schema.catch_up", scope.request.id), route);
  forgetRoute(route.slug);
}

/** Migrates a tenant's database and notes its version in the registry; of many at once, one does. */
export async function migrateTenant(scope: RequestScope, route: TenantRoute): Promise<void> {
  const { env } = internalsOf(scope.tenancy);
  const schemaVersion = await migrate(poolDatabase(env, route.binding), TENANT_MIGRATIONS);
  await commit(
    platformCtx(scope),
    [
      {
        statement: write
          .update(tenants)
          .set({ schemaVersion })
          .where(and(eq(tenants.id, route.id), lt(tenants.schemaVersion, schemaVersion))),
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
}

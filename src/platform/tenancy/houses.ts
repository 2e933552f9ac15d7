import type { PlatformCtx, TenantCtx } from "../context.ts";
import type { TenantRoute } from "./directory.ts";
import { requireCell } from "./here.ts";
import { putUpFence } from "./import-fence.ts";
import { TENANT_MIGRATIONS } from "./migrations.ts";
import { migrate } from "./migrator.ts";
import { poolDatabase } from "./pool.ts";
import { internalsOf, openRoute } from "./tenancy.ts";

/**
 * The scope, inside a tenant's database that is closed to everybody else: its door is shut, or it is
 * being moved out of or into it.
 * @throws Failure `misdirected`
 */
export async function enterClosed(ctx: PlatformCtx, route: TenantRoute): Promise<TenantCtx> {
  requireCell(ctx, route.cell);
  return { ...(await openRoute(ctx, route)), movesHouse: true };
}

/**
 * Gives a database that an import is to fill its tables, as they were after so many migrations.
 * @throws Failure `misdirected`, `import-state`, `database-unavailable`
 */
export async function furnish(
  ctx: PlatformCtx,
  route: TenantRoute,
  importId: string,
): Promise<void> {
  requireCell(ctx, route.cell);
  const { env } = internalsOf(ctx.tenancy);
  const migrations = TENANT_MIGRATIONS.slice(0, route.schemaVersion);
  await migrate(poolDatabase(env, route.binding), migrations);
  const { db } = await openRoute(ctx, route);
  await putUpFence(db, importId);
}

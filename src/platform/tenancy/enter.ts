import type { TenantCtx } from "../context.ts";
import { Failure } from "../problems.ts";
import { findRoute } from "./directory.ts";
import { migrateIfBehind } from "./schema-version.ts";
import { internalsOf, openRoute, type RequestScope } from "./tenancy.ts";

/**
 * The scope, inside the tenant of this slug.
 * @throws Failure `tenant-not-found`, `tenant-provisioning`, `database-unavailable`, `overloaded`
 */
export async function enterTenant(scope: RequestScope, slug: string): Promise<TenantCtx> {
  const { control, settings, log } = internalsOf(scope.tenancy);
  const route = await findRoute(control, slug, log);
  if (!route || route.cell !== settings.CELL) throw new Failure("tenant-not-found");
  if (route.state !== "active" && route.state !== "suspended") {
    throw new Failure("tenant-provisioning");
  }
  await migrateIfBehind(scope, route);
  return openRoute(scope, route);
}

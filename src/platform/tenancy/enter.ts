import type { TenantCtx } from "../context.ts";
import { Failure } from "../problems.ts";
import { findRoute, type TenantRoute } from "./directory.ts";
import { requireCell } from "./here.ts";
import { migrateIfBehind } from "./schema-version.ts";
import { internalsOf, openRoute, type RequestScope } from "./tenancy.ts";

/**
 * The scope, inside the tenant of this slug.
 * @throws Failure `tenant-not-found`, `tenant-provisioning`, `tenant-migrating`, `misdirected`,
 * `database-unavailable`, `overloaded`
 */
export async function enterTenant(scope: RequestScope, slug: string): Promise<TenantCtx> {
  const { control, log } = internalsOf(scope.tenancy);
  const route = await findRoute(control, slug, log);
  if (!route) throw new Failure("tenant-not-found");
  return enterByRoute(scope, route);
}

/**
 * The scope, inside the tenant that a route leads to: the router has found it, so the registry is not
 * asked again.
 * @throws Failure `tenant-provisioning`, `tenant-migrating`, `misdirected`, `database-unavailable`
 */
export async function enterByRoute(scope: RequestScope, route: TenantRoute): Promise<TenantCtx> {
  requireCell(internalsOf(scope.tenancy), route.cell);
  if (route.state !== "active" && route.state !== "suspended") {
    throw new Failure("tenant-provisioning");
  }
  await migrateIfBehind(scope, route);
  return openRoute(scope, route);
}

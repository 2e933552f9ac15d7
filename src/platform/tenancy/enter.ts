import type { TenantCtx } from "../context.ts";
import { Failure } from "../problems.ts";
import { findRoute } from "./directory.ts";
import { catchUp } from "./schema-version.ts";
import { internalsOf, openRoute, type Seat } from "./tenancy.ts";

/**
 * The seat, inside the tenant of this slug.
 * @throws Failure `tenant-not-found`, `tenant-provisioning`, `database-unavailable`
 */
export async function enterTenant(seat: Seat, slug: string): Promise<TenantCtx> {
  const { control, settings, log } = internalsOf(seat.tenancy);
  const route = await findRoute(control, slug, log);
  if (!route || route.cell !== settings.CELL) throw new Failure("tenant-not-found");
  if (route.state !== "active" && route.state !== "suspended") {
    throw new Failure("tenant-provisioning");
  }
  await catchUp(seat, route);
  return openRoute(seat, route);
}

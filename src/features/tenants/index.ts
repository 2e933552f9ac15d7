/** Tenants, as operators and as their own admins see them. */
export { currentTenantRouter } from "./current.routes.ts";
export { purgeAfter } from "./grace.ts";
export { changeOverrides, limitsOf, quotasOf } from "./overrides.ts";
export { presentTenant } from "./tenants.present.ts";
export type { TenantRow } from "./tenants.repository.ts";
export { tenantsRouter } from "./tenants.routes.ts";
export { LimitOverrides, QuotaOverrides, Tenant } from "./tenants.schemas.ts";
export { get as getTenant, syncStates, tell as tellTenant } from "./tenants.service.ts";

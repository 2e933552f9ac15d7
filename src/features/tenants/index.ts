/** Tenants, as operators and as their own admins see them. */
export { currentTenantRouter } from "./current.routes.ts";
export { tenantsRouter } from "./tenants.routes.ts";
export { syncStates } from "./tenants.service.ts";

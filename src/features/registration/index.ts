/** How a company becomes a tenant. */
export { registrationRouter } from "./registration.routes.ts";
export { Registration, TenantSummary } from "./registration.schemas.ts";
export { createTenant } from "./registration.service.ts";
export { invitations } from "./registration.tables.ts";
export { sealSeed, seedTenant } from "./seed.ts";

/** The face of tenancy. Outside this folder nothing else of it may be imported. */

export { auditLog, auditPrivate, auditSums } from "./audit.tables.ts";
export type { AuditEntry, NonEmpty } from "./audit-entry.ts";
export { bookmarkFor } from "./bookmarks.ts";
export { commit, commitAside } from "./commit.ts";
export type { ControlDb, Reader, RealmDb, TenantDb } from "./database.ts";
export { enterTenant } from "./enter.ts";
export { doorOf, tenantOrigin } from "./host.ts";
export { IdempotencyRace, storedAnswer } from "./idempotency-row.ts";
export { requireOwn } from "./own.ts";
export {
  claimTenant,
  provisionTenant,
  resumeProvisioning,
  type Seeder,
} from "./provisioning.ts";
export { type RealmStatus, realm } from "./realm.tables.ts";
export { TENANT_STATES, type TenantState, tenants } from "./registry.tables.ts";
export { isReservedSlug, isSlug } from "./slug.ts";
export { type OnHeard, syncPending, syncTenant } from "./state-sync.ts";
export { type Step, write } from "./statements.ts";
export {
  createTenancy,
  jobScope,
  PLATFORM,
  platformCtx,
  type RequestScope,
  type Tenancy,
} from "./tenancy.ts";
export { sayActive, visitTenants } from "./visits.ts";

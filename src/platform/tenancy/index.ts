/** The face of tenancy. Outside this folder nothing else of it may be imported. */

export { auditLog, auditPrivate, auditSums } from "./audit.tables.ts";
export type { AuditEntry, NonEmpty } from "./audit-entry.ts";
export { bookmarkFor } from "./bookmarks.ts";
export {
  cells,
  DATABASE_STATES,
  type DatabaseState,
  tenantDatabases,
} from "./cells.tables.ts";
export { boundHere, type Cell, chooseCell, freeIn, readCells } from "./cells.ts";
export { commit, commitAside } from "./commit.ts";
export type { ControlDb, Reader, RealmDb, TenantDb } from "./database.ts";
export { claimDatabase, retireDatabase } from "./databases.ts";
export { forgetRoute, type TenantRoute } from "./directory.ts";
export { enterByRoute, enterTenant } from "./enter.ts";
export { enterPurging, eraseDatabase, holdsTables } from "./erase.ts";
export { CELL_HEADER, requireCell } from "./here.ts";
export { doorOf, tenantOrigin } from "./host.ts";
export { enterClosed, furnish } from "./houses.ts";
export { IdempotencyRace, storedAnswer } from "./idempotency-row.ts";
export { type FencePass, raiseFence, takeDownFence } from "./import-fence.ts";
export { openRegistry, type Registry, type RegistryBindings } from "./open-registry.ts";
export { requireOwn } from "./own.ts";
export {
  claimTenant,
  provisionTenant,
  resumeProvisioning,
  type Seeder,
} from "./provisioning.ts";
export { type RealmStatus, realm } from "./realm.tables.ts";
export { TENANT_STATES, type TenantState, tenants } from "./registry.tables.ts";
export { migrateTenant, SCHEMA_VERSION, schemaGoal, schemaOnceTouched } from "./schema-version.ts";
export { isReservedSlug, isSlug } from "./slug.ts";
export { type OnHeard, syncPending, syncTenant } from "./state-sync.ts";
export { type Step, write } from "./statements.ts";
export { type Filling, fillSequences, fillTables } from "./table-filler.ts";
export { readPage } from "./table-reader.ts";
export { readSchemaVersion, readSequences, readTables, type Table } from "./table-shapes.ts";
export { isTableValue, sizeOfRow, type TableRow } from "./table-values.ts";
export {
  createTenancy,
  jobScope,
  PLATFORM,
  platformCtx,
  type RequestScope,
  type Tenancy,
} from "./tenancy.ts";
export { tryDatabases, UNFIT, type Unfit } from "./try-database.ts";
export { sayActive, visitTenants } from "./visits.ts";

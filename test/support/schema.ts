import { TENANT_MIGRATIONS } from "../../src/platform/tenancy/migrations.ts";
import { bindings } from "./worker.ts";

/**
 * The schema of the tenants that the tests make: this release's, or in the second pass of
 * `npm run test:deep` the one before.
 */
export const SCHEMA = Number(bindings.TENANT_SCHEMA ?? TENANT_MIGRATIONS.length);

/** Whether those tenants have the table that events of a month are counted in. */
export const COUNTS_EVENTS = SCHEMA >= 9;

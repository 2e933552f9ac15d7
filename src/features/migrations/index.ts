/** Bringing the databases of all tenants up to a schema, watched by operators. */
export { migrationJobs, migrationSchedules } from "./jobs.ts";
export { migrationsRouter } from "./migrations.routes.ts";

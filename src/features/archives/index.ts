/** Tenants' data taken out whole, brought in, and moved. */
export { archivesRouter } from "./archives.routes.ts";
export { importsRouter } from "./imports.routes.ts";

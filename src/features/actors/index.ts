/** Who acts in a tenant's business. */
export { findActivity } from "./actors.repository.ts";
export { actorsRouter } from "./actors.routes.ts";
export { actors } from "./actors.tables.ts";

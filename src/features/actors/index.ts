/** Who acts in a tenant's business. */
export { findActivity, insertActor } from "./actors.repository.ts";
export { actorsRouter } from "./actors.routes.ts";
export { ACTOR_TYPES, actors } from "./actors.tables.ts";

/** Who acts in a tenant's business. */
export { ACTOR_TYPES, actors } from "./actors.tables.ts";

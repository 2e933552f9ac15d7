/** A tenant's signals in figures. */
export { statsRouter } from "./stats.routes.ts";

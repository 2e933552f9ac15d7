/** The cells, and the databases that tenants live in, as operators see them. */
export { cellsRouter } from "./cells.routes.ts";

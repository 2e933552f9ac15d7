/** Whether the service is up, and where to look. */
export { healthRouter } from "./health.routes.ts";

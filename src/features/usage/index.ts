/** What a tenant uses of what its plan allows. */
export { usageChores } from "./jobs.ts";
export { usageRouter } from "./usage.routes.ts";

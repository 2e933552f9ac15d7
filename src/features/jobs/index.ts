/** What ran by the clock, as operators see it. */
export { jobsRouter } from "./jobs.routes.ts";

/**
 * Erasing a tenant that has left. An operator asks for it once the grace period is over; from then on
 * the tenant's cell rings for it each minute, and its queue's consumer erases objects, database and what
 * the control database knows of people there. Registry row, slug and id stay for ever.
 */
export { purgeJobs, purgeSchedules } from "./jobs.ts";
export { purgeRouter } from "./purge.routes.ts";

/**
 * Erasing a tenant that has left. An operator asks for it once the grace period is over; from then on
 * the minute's schedule of the tenant's cell erases its objects, its database and what the control
 * database knows of people there. Registry row, slug and id stay for ever.
 */
export { purgeTenants } from "./erase.service.ts";
export { purgeRouter } from "./purge.routes.ts";

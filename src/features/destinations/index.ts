/**
 * URLs that a tenant's events are delivered to, as Standard Webhooks.
 *
 * The way of an event: `fan-out` (queued in the commit that records it) -> `ring-deliveries` ->
 * `deliver` (`claim`, then an `attempt` each: `message`, `post`, `schedule`) -> `resend` -> `retain`.
 */
export { deliveriesRouter } from "./deliveries.routes.ts";
export { destinationsRouter } from "./destinations.routes.ts";
export { destinations } from "./destinations.tables.ts";
export { fanOut } from "./fan-out.repository.ts";
export { destinationChores, destinationJobs } from "./jobs.ts";
export { DELIVER, ringDeliveries } from "./ring-deliveries.ts";

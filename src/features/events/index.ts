/** What happened in a tenant's business. */
export { findEvent, hasEvent } from "./events.repository.ts";
export { eventsRouter } from "./events.routes.ts";
export { events } from "./events.tables.ts";
export { recordFound } from "./found-event.ts";
export { eventChores, eventJobs } from "./jobs.ts";
export { recordEvent } from "./record.service.ts";

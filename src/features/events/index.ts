/** What happened in a tenant's business. */
export { findEvent, hasEvent } from "./events.repository.ts";
export { eventsRouter } from "./events.routes.ts";
export { recordEvent } from "./events.service.ts";

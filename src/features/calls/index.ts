/** Calling the APIs of services, and the circuit breakers in between. */
export { breakersRouter } from "./breakers.routes.ts";
export { type BreakerStanding, listBreakers, MOST_ASKED } from "./breakers.service.ts";
export { isOfService, isSpared } from "./call-failures.ts";
export { callsRouter } from "./calls.routes.ts";
export { callService } from "./calls.service.ts";

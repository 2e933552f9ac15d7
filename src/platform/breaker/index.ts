/** The face of circuit breakers. */
export {
  acquire,
  type BreakerRef,
  breakerView,
  eraseBreaker,
  tellOrder,
} from "./breaker-client.ts";
export {
  BREAKER_BOUNDS,
  BREAKER_DEFAULTS,
  BREAKER_MODES,
  type BreakerMode,
  type BreakerOptions,
  type BreakerOrder,
} from "./options.ts";
export { BREAKER_STATES, type BreakerView } from "./view.ts";

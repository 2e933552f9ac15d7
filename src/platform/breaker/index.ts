/** The face of circuit breakers. */
export {
  BREAKER_DEFAULTS,
  BREAKER_MODES,
  type BreakerMode,
  type BreakerOptions,
  type BreakerOrder,
} from "./options.ts";

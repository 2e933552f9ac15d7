/**
 * How a breaker judges. Names and, where the seeds set nothing else, defaults are those of
 * resilience4j's CircuitBreakerConfig.
 */
export interface BreakerOptions {
  /** `count`: the last so many calls; `time`: the calls of the last so many seconds. */
  readonly sliding_window_type: "count" | "time";
  readonly sliding_window_size: number;
  /** Calls in the window before any rate is judged. */
  readonly minimum_calls: number;
  /** Per cent of failures from which the breaker opens. */
  readonly failure_rate_threshold: number;
  /** Per cent of slow calls from which the breaker opens. */
  readonly slow_call_rate_threshold: number;
  /** From when on a call is slow, in ms. */
  readonly slow_call_duration_ms: number;
  /** How long the breaker stays open the first time, in ms ... */
  readonly open_ms: number;
  /** ... and, as it doubles with each time in a row, at most. */
  readonly open_max_ms: number;
  /** Calls let through to see whether the service is back. */
  readonly permitted_calls_in_half_open: number;
  /** For how long after recovery only a growing share of the calls is let through, in ms. */
  readonly slow_start_ms: number;
}

/** Five failures open it for 60 s: the seeds' figures. */
export const BREAKER_DEFAULTS: BreakerOptions = {
  sliding_window_type: "count",
  sliding_window_size: 10,
  minimum_calls: 5,
  failure_rate_threshold: 50,
  slow_call_rate_threshold: 100,
  slow_call_duration_ms: 60_000,
  open_ms: 60_000,
  open_max_ms: 600_000,
  permitted_calls_in_half_open: 3,
  slow_start_ms: 10_000,
};

/** The least and the most that each number may be; all are whole. */
export const BREAKER_BOUNDS = {
  // The window is written down with every call.
  sliding_window_size: { min: 1, max: 1_000 },
  minimum_calls: { min: 1, max: 1_000 },
  failure_rate_threshold: { min: 1, max: 100 },
  slow_call_rate_threshold: { min: 1, max: 100 },
  slow_call_duration_ms: { min: 1, max: 3_600_000 },
  open_ms: { min: 100, max: 3_600_000 },
  open_max_ms: { min: 100, max: 86_400_000 },
  permitted_calls_in_half_open: { min: 1, max: 100 },
  // 0: after recovery everything is let through at once.
  slow_start_ms: { min: 0, max: 600_000 },
} as const satisfies Record<
  Exclude<keyof BreakerOptions, "sliding_window_type">,
  { readonly min: number; readonly max: number }
>;

/** `automatic`, or as somebody ordered: `forced_open` lets nothing through, `disabled` everything. */
export const BREAKER_MODES = ["automatic", "forced_open", "disabled"] as const;
export type BreakerMode = (typeof BREAKER_MODES)[number];

/** What was ordered by hand. An object that has seen a higher version knows better. */
export interface BreakerOrder {
  readonly mode: BreakerMode;
  readonly version: number;
}

/** What every question to a breaker carries: it keeps neither, so that both are always the latest. */
export interface BreakerRules {
  readonly options: BreakerOptions;
  readonly order: BreakerOrder;
}

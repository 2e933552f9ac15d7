import type { BreakerRef } from "../../platform/breaker/index.ts";
import type { Line } from "../../platform/outbound/index.ts";
import type { ApiService } from "../services/index.ts";

type Settings = NonNullable<ApiService["settings"]>;

/** The largest answer that is taken, in bytes. */
const MOST_ANSWER_BYTES = 524_288;

/** How a service is called. */
export function lineOf({ id, order }: Pick<ApiService, "id" | "order">, settings: Settings): Line {
  return {
    key: keyOf(id),
    timeoutMs: settings.timeout_ms,
    retry: { maxAttempts: settings.retry.max_attempts, baseMs: settings.retry.base_ms },
    ratePerSecond: settings.rate_limit_per_second,
    breaker: settings.breaker,
    order,
    maxResponseBytes: MOST_ANSWER_BYTES,
    longAnswers: "refuse",
    followRedirects: true,
  };
}

/** The circuit breaker of that line. */
export function breakerOf(
  { id, order }: Pick<ApiService, "id" | "order">,
  { breaker }: Pick<Settings, "breaker">,
): BreakerRef {
  return { key: keyOf(id), options: breaker, order };
}

/** A service that is removed and added again is another: it begins with a clean record. */
function keyOf(id: string): string {
  return `service:${id}`;
}

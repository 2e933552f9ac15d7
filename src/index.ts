import { createApp } from "./app.ts";
import type { Bindings } from "./env.ts";
import { consume } from "./platform/jobs/consume.ts";
import { runSchedules } from "./platform/jobs/schedules.ts";
import { queueJobs, schedules } from "./registry.ts";

const app = createApp();

export { SignalStream } from "./features/signal-stream/index.ts";
export { CircuitBreaker } from "./platform/breaker/circuit-breaker.ts";
export { RateLimiter } from "./platform/limits/rate-limiter.ts";

export default {
  fetch: app.fetch,
  queue: (batch, env) => consume(queueJobs, batch, env),
  scheduled: (controller, env) => runSchedules(schedules, controller.cron, env),
} satisfies ExportedHandler<Bindings>;

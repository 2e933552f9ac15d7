/**
 * Webhooks that a tenant's services send: received once, processed once, replayed when asked.
 *
 * The way of an event: `deliveries` (genuine?) -> `receive`, `receive-batch` (stored) -> `ring-drain`
 * -> `drain` (`claim`, then an `attempt` each, by `handlers`) -> `dead-letters` -> `replay` ->
 * `retain`. Beside it: `rejections`, `inspect` and `send-test`.
 */
export { DEAD_LETTERS, deadLetterSignal } from "./dead-letter-signal.ts";
export type { DeadLetter } from "./dead-letters.repository.ts";
export { inspectRouter } from "./inspect.routes.ts";
export { webhookChores, webhookJobs } from "./jobs.ts";
export { receiveRouter } from "./receive.routes.ts";
export { rejectionsRouter } from "./rejections.routes.ts";
export { replayRouter } from "./replay.routes.ts";
export { ringDrain } from "./ring-drain.ts";
export { webhookEvents } from "./webhooks.tables.ts";

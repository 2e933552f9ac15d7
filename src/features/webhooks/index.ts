/** Webhooks that a tenant's services send: received once, processed once, replayed when asked. */
export { inspectRouter } from "./inspect.routes.ts";
export { retainEverywhere, sweep, webhookJobs } from "./jobs.ts";
export { receiveRouter } from "./receive.routes.ts";
export { rejectionsRouter } from "./rejections.routes.ts";
export { replayRouter } from "./replay.routes.ts";
export { ringDrain } from "./ring-drain.ts";

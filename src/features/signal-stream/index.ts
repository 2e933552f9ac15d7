/** What happens to a tenant's signals, live. */
export { SignalStream } from "./signal-stream.ts";
export { streamRouter } from "./stream.routes.ts";

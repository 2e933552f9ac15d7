/** What somebody has to look at, and who looks after it. */

export { signalChores, signalJobs } from "./jobs.ts";
export { type NewSignal, type Raising, raise, recover } from "./raise.ts";
export { readRisk } from "./risk.repository.ts";
export { SignalStream } from "./signal-stream.present.ts";
export { signalsRouter } from "./signals.routes.ts";
export { signals } from "./signals.tables.ts";
export { statsRouter } from "./stats.routes.ts";
export { streamRouter } from "./stream.routes.ts";

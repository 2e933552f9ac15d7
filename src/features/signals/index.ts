/** What somebody has to look at, and who looks after it. */

export { signalChores, signalJobs } from "./jobs.ts";
export { openOf } from "./raise.repository.ts";
export { type Becoming, type FoundSignal, raise } from "./raise.ts";
export { recover } from "./recover.ts";
export { readRisk } from "./risk.repository.ts";
export { presentSignal } from "./signals.present.ts";
export { signalsRouter } from "./signals.routes.ts";
export {
  SIGNAL_SOURCES,
  type SignalSource,
  type SignalStatus,
  signalChanges,
  signals,
} from "./signals.tables.ts";

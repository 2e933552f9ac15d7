/** What somebody has to look at, and who looks after it. */
export { SignalStream } from "./signal-stream.ts";

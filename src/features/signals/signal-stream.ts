import { LiveStream } from "../../platform/stream/live-stream.ts";

/** The live stream of a tenant's signals. */
export class SignalStream extends LiveStream {}

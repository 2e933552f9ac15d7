import { LiveStream } from "../../platform/stream/live-stream.ts";
import type { StreamSource } from "../../platform/stream/stream-source.ts";
import { readChanges, readHead, readStanding } from "./stream.repository.ts";

/** The live stream of a tenant's signals. */
export class SignalStream extends LiveStream {
  protected readonly source: StreamSource = {
    job: "signals.stream",
    permission: "signals:read",
    head: ({ db }) => readHead(db),
    pull: ({ db }, after, limit) => readChanges(db, after, limit),
    standing: ({ db }, sessionIds) => readStanding(db, sessionIds),
  };
}

import { LiveStream } from "../../platform/stream/live-stream.ts";
import type { StreamSource } from "../../platform/stream/stream-source.ts";
import { presentSignal } from "./signals.present.ts";
import { readChanges, readHead, readStanding } from "./stream.repository.ts";

/** The live stream of a tenant's signals. */
export class SignalStream extends LiveStream {
  protected readonly source: StreamSource = {
    job: "signals.stream",
    permission: "signals:read",
    head: ({ db }) => readHead(db),
    pull: async ({ db }, after, limit) => {
      const rows = await readChanges(db, after, limit);
      return rows.map(({ seq, change, occurredAt, signal }) => ({
        seq,
        type: `signal.${change}`,
        occurredAt,
        data: presentSignal(signal),
      }));
    },
    standing: ({ db }, sessionIds) => readStanding(db, sessionIds),
  };
}

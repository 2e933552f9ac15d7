import { LiveStream } from "../../platform/stream/live-stream.ts";
import type { StreamSource } from "../../platform/stream/stream-source.ts";
import { presentSignal } from "../signals/index.ts";
import { changesAfter, head, standing } from "./stream.service.ts";

/** The live stream of a tenant's signals. */
export class SignalStream extends LiveStream {
  protected readonly source: StreamSource = {
    job: "signals.stream",
    permission: "signals:read",
    head,
    pull: async (ctx, after, limit) => {
      const { changes, head } = await changesAfter(ctx, after, limit);
      const items = changes.map(({ seq, change, occurredAt, signal }) => ({
        seq,
        type: `signal.${change}`,
        occurredAt,
        data: presentSignal(signal),
      }));
      return { items, head };
    },
    standing,
  };
}

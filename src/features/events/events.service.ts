import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import type { AuditEntry, Step } from "../../platform/tenancy/index.ts";
import { fanOut, ringDeliveries } from "../destinations/index.ts";
import {
  type EventFilters,
  type EventRow,
  findEvent,
  insertEvent,
  keysetFor,
  listEvents,
} from "./events.repository.ts";

/** What happened, as whoever records it knows it. */
export type NewEvent = Omit<EventRow, "id" | "recordedAt">;

/** What recording an event adds to a commit, and what is to be called after it. */
interface Recording {
  readonly steps: Step[];
  readonly audit: AuditEntry[];
  /** Tells whoever delivers events. Once after many commits is enough; it fails nothing. */
  readonly ring: (ctx: TenantCtx) => Promise<void>;
}

/** Records an event, and queues it for the destinations that want it. */
export function recordEvent(event: NewEvent): Recording {
  const row = { ...event, id: newId("event"), recordedAt: new Date() };
  return {
    steps: [insertEvent(row), fanOut(row)],
    audit: [
      { action: "event.created", target: row.id, details: { type: row.type, source: row.source } },
    ],
    ring: ringDeliveries,
  };
}

export function list(
  ctx: TenantCtx,
  query: EventFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<EventRow>> {
  const { limit, cursor, ...filters } = query;
  return paginate(
    ctx,
    { list: "events", filters, limit, cursor },
    (after, count) => listEvents(ctx.db, filters, after, count),
    keysetFor(filters),
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: TenantCtx, id: string): Promise<EventRow> {
  const event = await findEvent(ctx.db, id);
  if (!event) throw new Failure("not-found");
  return event;
}

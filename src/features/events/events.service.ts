import type { TenantCtx } from "../../platform/context.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import {
  type EventFilters,
  type EventRow,
  findEvent,
  keysetFor,
  listEvents,
} from "./events.repository.ts";

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

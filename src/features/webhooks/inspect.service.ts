import { allows } from "../../platform/access/permissions.ts";
import type { SignedIn, TenantCtx } from "../../platform/context.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { type BreakerStanding, listBreakers } from "../calls/index.ts";
import type { PayloadRow } from "./drain.repository.ts";
import {
  type AttemptRow,
  type EventFilters,
  type EventRow,
  type EventState,
  findReceived,
  findWhole,
  listReceived,
  oldestDue,
  pulse,
} from "./inspect.repository.ts";

export type { EventRow } from "./inspect.repository.ts";

/** From this age of what is due on, in ms, processing counts as delayed. */
const DELAYED_MS = 300_000;
/** Events of a state are counted no further: the answer is to cost the same however many there are. */
export const MOST_COUNTED = 10_000;

export function listEvents(
  ctx: TenantCtx,
  query: EventFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<EventRow>> {
  const { limit, cursor, ...filters } = query;
  return paginate(
    ctx,
    { list: "webhook_events", filters, limit, cursor },
    (after, count) => listReceived(ctx.db, filters, after, count),
    (row) => [row.id],
  );
}

/** @throws Failure `not-found` */
export async function getEvent(ctx: TenantCtx, id: string, from?: "primary"): Promise<EventRow> {
  const event = await findReceived(ctx.db, id, from);
  if (!event) throw new Failure("not-found");
  return event;
}

/** An event with all that is kept of it. */
export interface EventDetail {
  readonly event: EventRow;
  readonly attempts: readonly AttemptRow[];
  /** Null where the caller may not see it, or it is not kept any more. */
  readonly payload: PayloadRow | null;
}

/** @throws Failure `not-found` */
export async function getEventDetail(ctx: SignedIn<TenantCtx>, id: string): Promise<EventDetail> {
  const mayRead = allows(ctx.principal.role, "webhook_payloads:read");
  const whole = await findWhole(ctx.db, id, mayRead);
  if (!whole) throw new Failure("not-found");
  return whole;
}

/** How receiving and processing are, as far as the caller may know. */
export interface WebhookHealth {
  readonly status: "ok" | "delayed";
  readonly details: {
    /** {@link MOST_COUNTED} means so many or more. */
    readonly counts: Readonly<Record<EventState, number>>;
    readonly oldestPending: Date | null;
    readonly consumerSeen: Date | null;
  } | null;
  /** Null where the caller may not see them. */
  readonly breakers: readonly BreakerStanding[] | null;
}

export async function health(ctx: TenantCtx): Promise<WebhookHealth> {
  const now = Date.now();
  const dueSince = await oldestDue(ctx.db, now);
  const status = dueSince !== null && now - dueSince > DELAYED_MS ? "delayed" : "ok";
  const { principal } = ctx;
  if (principal.kind !== "user" || !allows(principal.role, "webhooks:read")) {
    return { status, details: null, breakers: null };
  }
  const [{ counts, oldestPending, seenAt }, breakers] = await Promise.all([
    pulse(ctx.db, MOST_COUNTED),
    allows(principal.role, "services:read") ? listBreakers(ctx) : null,
  ]);
  return {
    status,
    details: {
      counts,
      oldestPending: oldestPending === null ? null : new Date(oldestPending),
      consumerSeen: seenAt === null ? null : new Date(seenAt),
    },
    breakers,
  };
}

/**
 * What received events mean to a tenant: the place to add a type of event. The first handler whose
 * types fit is called; what it returns is committed with the event's completion.
 */
import type { TenantCtx } from "../../platform/context.ts";
import { hasEvent, recordEvent } from "../events/index.ts";
import { type Effect, EventError, type ReceivedEvent, type WebhookHandler } from "./handling.ts";
import { type Facts, factsOf } from "./payload-facts.ts";

export const HANDLERS: readonly WebhookHandler[] = [
  { types: "user.*", handle: about("user_id", "id", "email") },
  { types: "payment.refunded", handle: refund },
  { types: "payment.*", handle: about("payment_id", "id") },
  { types: "subscription.*", handle: about("subscription_id", "id") },
  { types: "email.*", handle: about("message_id", "email_id", "id") },
  { types: "*", handle: async (_, event) => record(event, factsOf(event.payload), "id") },
];

/** Records an event about something that the first of these fields names; without one it fails. */
function about(...names: readonly string[]): WebhookHandler["handle"] {
  return async (_, event) => {
    const facts = factsOf(event.payload);
    if (facts.subject(names) === null) {
      throw new EventError(`The data names no subject: one of ${names.join(", ")}.`);
    }
    return record(event, facts, ...names);
  };
}

/** A refund may overtake its payment, so it waits; if none ever comes, somebody has to look. */
async function refund(ctx: TenantCtx, event: ReceivedEvent): Promise<Effect> {
  const subject = factsOf(event.payload).subject(["payment_id", "id"]);
  const payment = { source: sourceOf(event), subject, type: "payment.succeeded" };
  if (subject !== null && !(await hasEvent(ctx.db, payment))) {
    throw new EventError(`There is no successful payment ${subject} to refund.`);
  }
  return about("payment_id", "id")(ctx, event);
}

function record(event: ReceivedEvent, facts: Facts, ...subjects: readonly string[]): Effect {
  return recordEvent({
    type: event.type,
    source: sourceOf(event),
    sourceId: event.id,
    subject: facts.subject(subjects),
    actorId: null,
    occurredAt: facts.occurredAt ?? event.receivedAt,
    metadata: facts.values,
  });
}

function sourceOf({ service }: ReceivedEvent): string {
  return `webhook:${service}`;
}

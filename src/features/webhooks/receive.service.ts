import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { Failure } from "../../platform/problems.ts";
import { challengeOf, distinctContent, identify } from "../../platform/signatures/index.ts";
import { commit, commitAside } from "../../platform/tenancy/index.ts";
import { MOST_PAYLOAD_BYTES, USUAL_ATTEMPTS } from "../services/index.ts";
import { dedupeKeyOf } from "./dedupe.ts";
import { admit, type Delivery, type Incoming } from "./deliveries.ts";
import { payloadKind, readPayload, textOf } from "./payload.ts";
import {
  findByDedupeKey,
  insertDelivery,
  insertPayload,
  isNoBatch,
  type NewDelivery,
  realmIsHere,
} from "./receive.repository.ts";
import { ringDrain } from "./ring-drain.ts";
import type { PayloadKind } from "./webhooks.tables.ts";

/** What became of a delivery. */
export type Receipt =
  | { readonly status: "accepted" | "duplicate"; readonly eventId: string }
  /** A question of the provider's own, which is answered and not kept. */
  | { readonly status: "challenged"; readonly challenge: string };

/**
 * Takes in one webhook. When this returns, the event is stored: the doorbell only makes it quick.
 * @throws Failure what {@link admit} throws; `malformed-json`, `malformed-request`; `other-route` when
 * the body was taken in as a batch; 503s of the database, after which nothing is known to be stored
 */
export async function receive(ctx: TenantCtx, slug: string, incoming: Incoming): Promise<Receipt> {
  const delivery = await admit(ctx, slug, incoming, mostBytes);
  const { service, body, contentType, test } = delivery;
  const kind = payloadKind(service.settings, contentType, body);
  const payload = await payloadOf(delivery, kind);
  const challenge = challengeOf(service.settings, payload);
  if (challenge !== null) return { status: "challenged", challenge };
  const identity = identify(service.settings, delivery, payload);
  const event: NewDelivery = {
    id: newId("webhookEvent"),
    type: identity.type,
    providerId: identity.id,
    dedupeKey: await dedupeKeyOf(identity, await distinctContent(service.settings, delivery)),
    size: body.byteLength,
  };
  const origin = originOf(service, new Date(), test);
  const text = textOf(body);
  try {
    await commit(
      // A test is its sender's doing, not the service's.
      test ? ctx : delivery.ctx,
      [
        realmIsHere(),
        isNoBatch(service.slug, event.dedupeKey),
        insertDelivery(origin, event),
        insertPayload(event.id, { kind, contentType }, text ?? body),
      ],
      [
        {
          action: "webhook.accepted",
          target: event.id,
          details: { service: service.slug, type: event.type, test },
        },
      ],
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "other-route") return delivery.refuse("other-route", error);
    if (error.code !== "conflict") throw error;
    return duplicateOf(delivery, event.dedupeKey, error);
  }
  await ringDrain(delivery.ctx);
  return { status: "accepted", eventId: event.id };
}

/** The largest single body of a service in bytes. */
export function mostBytes({ settings }: Delivery["service"]): number {
  return settings.max_payload_bytes ?? MOST_PAYLOAD_BYTES;
}

/** What all events of a delivery have in common. */
export function originOf(service: Delivery["service"], receivedAt: Date, test: boolean) {
  return {
    service: service.slug,
    maxAttempts: service.settings.max_attempts ?? USUAL_ATTEMPTS,
    receivedAt,
    test,
  };
}

async function payloadOf({ body, refuse }: Delivery, kind: PayloadKind): Promise<unknown> {
  try {
    return readPayload(kind, body);
  } catch (error) {
    return refuse("malformed-body", error);
  }
}

async function duplicateOf(
  { ctx, service }: Delivery,
  dedupeKey: string,
  cause: Failure,
): Promise<Receipt> {
  const [first] = await findByDedupeKey(ctx.db, service.slug, [dedupeKey]);
  // Retention may have removed it this very moment: then it is not there, and comes again.
  if (!first) throw new Failure("outcome-unknown", undefined, { cause });
  await commitAside(ctx, [], [{ action: "webhook.duplicate", target: first.id, summed: true }]);
  // Whoever stored it may not have come to ring: a sender repeats what it got no answer to.
  if (first.attempts === 0) await ringDrain(ctx);
  return { status: "duplicate", eventId: first.id };
}

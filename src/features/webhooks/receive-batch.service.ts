import type { TenantCtx } from "../../platform/context.ts";
import { utf8 } from "../../platform/crypto/encoding.ts";
import { parseIJson } from "../../platform/i-json.ts";
import { newId } from "../../platform/ids.ts";
import { Failure } from "../../platform/problems.ts";
import { distinctContent, type EventIdentity, identify } from "../../platform/signatures/index.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { elementsOf } from "./batch-elements.ts";
import { dedupeKeyOf } from "./dedupe.ts";
import { admit, type Delivery, type Incoming } from "./deliveries.ts";
import {
  type BatchedDelivery,
  findByDedupeKey,
  insertDeliveries,
  insertPayloadOfNew,
  insertPayloads,
  markBatch,
  realmIsHere,
} from "./receive.repository.ts";
import { mostBytes, originOf } from "./receive.service.ts";
import { noteRejections } from "./rejections.service.ts";
import { ringDrain } from "./ring-drain.ts";
import type { RejectionReason } from "./webhooks.tables.ts";

/** The largest body of a batch in bytes, and the most events in it. */
const MOST_BYTES = 1_572_864;
export const MOST_EVENTS = 500;

/** Bytes of payloads in one statement: a bound value may have 2 MB, and quotes are escaped in it. */
const BYTES_PER_STATEMENT = 900_000;

/** What became of one event of a batch. */
export type BatchOutcome =
  | { readonly index: number; readonly status: "accepted" | "duplicate"; readonly eventId: string }
  | { readonly index: number; readonly status: "rejected"; readonly reason: string };

/**
 * Takes in a signed list of events, each with an outcome of its own. When this returns, the accepted
 * ones are stored.
 * @throws Failure what `admit` throws; `malformed-json`, `malformed-request`, `content-too-large`;
 * `other-route` when the body was taken in as one event
 */
export async function receiveBatch(
  ctx: TenantCtx,
  slug: string,
  incoming: Incoming,
): Promise<BatchOutcome[]> {
  const delivery = await admit(ctx, slug, incoming, () => MOST_BYTES);
  const { elements, key } = await readWhole(delivery);
  const read = await Promise.all(elements.map((text, index) => readElement(delivery, text, index)));
  const batch = markConflicts(read.flatMap((element) => ("event" in element ? element.event : [])));
  const stored = batch.length > 0 ? await store(delivery, key, batch) : new Map<string, string>();
  const rejected = read.flatMap((element) => ("event" in element ? [] : element.rejection));
  if (rejected.length > 0) await noteRejections(delivery.ctx, slug, rejected);
  return read.map((element, index) => {
    if (!("event" in element)) return { index, status: "rejected", reason: element.reason };
    const eventId = stored.get(element.event.dedupeKey);
    // Retention may have removed it this very moment: then it is not there, and comes again.
    if (eventId === undefined) throw new Failure("outcome-unknown");
    return { index, status: eventId === element.event.id ? "accepted" : "duplicate", eventId };
  });
}

/** The texts of the events, and what would be the key of the whole body as one. */
async function readWhole(delivery: Delivery) {
  const { service, body, refuse } = delivery;
  try {
    const { text, value } = parseIJson(body);
    const elements = elementsOf(text);
    if (!elements) throw new Failure("malformed-request", "Send a list, or it as `events`.");
    if (elements.length > MOST_EVENTS) {
      throw new Failure("content-too-large", `At most ${MOST_EVENTS} events are accepted.`);
    }
    const identity = identify(service.settings, delivery, value);
    const content = await distinctContent(service.settings, delivery);
    return { elements, key: await dedupeKeyOf(identity, content) };
  } catch (error) {
    const tooLarge = error instanceof Failure && error.code === "content-too-large";
    const reason = tooLarge ? "content-too-large" : "malformed-body";
    return refuse(reason, error);
  }
}

type Element =
  | { readonly event: BatchedDelivery }
  /** What its sender is told, and what it is counted under. */
  | { readonly reason: string; readonly rejection: RejectionReason };

async function readElement({ service }: Delivery, text: string, index: number): Promise<Element> {
  const size = utf8(text).byteLength;
  const most = mostBytes(service);
  if (size > most) {
    return { reason: `has more than ${most} bytes`, rejection: "content-too-large" };
  }
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { reason: `element ${index} is no object`, rejection: "malformed-body" };
  }
  const identity = identityOf(service.settings, value);
  const dedupeKey = await dedupeKeyOf(identity, text);
  const { id: providerId, type } = identity;
  const id = newId("webhookEvent");
  return { event: { id, type, providerId, dedupeKey, size, text, conflicting: false } };
}

/**
 * Headers speak for the batch, not for its events: those name themselves in their bodies. An id
 * where the scheme has none is shown but tells nothing apart, as if the event had come alone.
 */
function identityOf(settings: Delivery["service"]["settings"], value: object): EventIdentity {
  const request = { headers: new Headers() };
  const own = identify(settings, request, value);
  if (own.id !== null) return own;
  const plain = identify({ scheme: "generic" }, request, value);
  const type = own.type === "unknown" ? plain.type : own.type;
  return { id: plain.id, idBesideBody: false, type };
}

/** An id that comes twice in one batch, with two bodies, is in conflict with itself. */
function markConflicts(batch: readonly BatchedDelivery[]): BatchedDelivery[] {
  const keys = new Map<string, string>();
  return batch.map((event) => {
    if (event.providerId === null) return event;
    const first = keys.get(event.providerId) ?? event.dedupeKey;
    keys.set(event.providerId, first);
    return first === event.dedupeKey ? event : { ...event, conflicting: true };
  });
}

/** Stores what is new. Returns for each key the event that has it, be it this one or an earlier. */
async function store(
  { ctx, service, refuse }: Delivery,
  key: string,
  batch: readonly BatchedDelivery[],
): Promise<Map<string, string>> {
  const origin = originOf(service, new Date(), false);
  const steps = [
    realmIsHere(),
    ...markBatch(service.slug, key, origin.receivedAt),
    insertDeliveries(origin, batch),
    ...chunksOf(batch).map((chunk) =>
      // A large one goes as it is, so that nothing in it is escaped.
      chunk.length === 1 && chunk[0] ? insertPayloadOfNew(chunk[0]) : insertPayloads(chunk),
    ),
  ];
  try {
    await commit(ctx, steps, [
      {
        action: "webhook.batch_accepted",
        target: service.id,
        details: { service: service.slug, events: batch.length },
        whenChanged: "webhook_events.insert_many",
      },
    ]);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "other-route") throw error;
    return refuse("other-route", error);
  }
  // Before anything else can fail: what is stored is to be processed.
  await ringDrain(ctx);
  const keys = [...new Set(batch.map(({ dedupeKey }) => dedupeKey))];
  const found = await findByDedupeKey(ctx.db, service.slug, keys);
  return new Map(found.map(({ dedupeKey, id }) => [dedupeKey, id]));
}

function chunksOf(batch: readonly BatchedDelivery[]): BatchedDelivery[][] {
  const chunks: BatchedDelivery[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of batch) {
    bytes += event.size;
    if (bytes > BYTES_PER_STATEMENT) {
      chunks.push([]);
      bytes = event.size;
    }
    chunks.at(-1)?.push(event);
  }
  return chunks;
}

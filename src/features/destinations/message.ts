import type { TenantCtx } from "../../platform/context.ts";
import { utf8 } from "../../platform/crypto/encoding.ts";
import { sign } from "../../platform/signatures/index.ts";
import { isLive, openSecret } from "./destination-secrets.ts";
import type { SecretRow } from "./destinations.repository.ts";

/** An event, as far as it is told to destinations. */
export interface OutgoingEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string | null;
  readonly occurredAt: Date;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Source of samples, which nobody but the tenant itself made. */
const SAMPLE_SOURCE = "rowhouse:test";

/** What a sample tells: an event that is written down nowhere but in its delivery. */
export function sampleEvent(
  of: { readonly eventId: string; readonly type: string; readonly createdAt: Date },
  metadata: OutgoingEvent["metadata"],
): OutgoingEvent {
  const { eventId: id, type, createdAt: occurredAt } = of;
  return { id, type, source: SAMPLE_SOURCE, subject: null, occurredAt, metadata };
}

/** The same bytes for the same event at each attempt: receivers may compare them. */
export function bodyOf({ id, type, source, subject, occurredAt, metadata }: OutgoingEvent) {
  const data = { id, source, subject, metadata };
  return utf8(JSON.stringify({ type, timestamp: occurredAt.toISOString(), data }));
}

/**
 * The headers of Standard Webhooks at `now` (ms), with a signature by each live secret, the newest
 * first: a receiver that knows one of them takes the message.
 * @throws EnvelopeError when a secret's row was changed, or is another tenant's
 */
export async function signedHeaders(
  ctx: TenantCtx,
  url: string,
  { id, type }: OutgoingEvent,
  body: Uint8Array,
  secrets: readonly SecretRow[],
  now: number,
): Promise<Headers> {
  const message = { url, body, contentType: "application/json", id, eventType: type };
  const signatures: string[] = [];
  let headers = new Headers();
  for (const secret of secrets.filter((each) => isLive(each, now))) {
    const plain = await openSecret(ctx, secret);
    ({ headers } = await sign({ scheme: "standard-webhooks" }, plain, message, now));
    signatures.push(headers.get("webhook-signature") ?? "");
  }
  if (signatures.length === 0) throw new Error("A destination has no secret to sign with.");
  headers.set("webhook-signature", signatures.join(" "));
  return headers;
}

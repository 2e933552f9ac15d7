/** One genuine request of each scheme, and the places in it that a test may change. */
import { utf8 } from "../../../src/platform/crypto/encoding.ts";
import {
  type SchemeName,
  type SignatureSettings,
  type SignedRequest,
  sign,
} from "../../../src/platform/signatures/index.ts";

export const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);

/** Where something stands that may or may not be signed. */
export type Place = "body" | "url" | "id" | "timestamp" | "content-type" | "notification_url";

export interface Case {
  readonly settings: SignatureSettings;
  readonly secret: string;
  /** Another secret that is live at the same time. */
  readonly next: string;
  readonly url: string;
  readonly body: string;
  readonly contentType: string;
  /** The header with the signatures. */
  readonly header: string;
  /** The header of a timestamp; a tag where it stands among the signatures. */
  readonly timestamp?: { readonly header: string } | { readonly tag: string };
  /** The header of an id. */
  readonly id?: string;
  /** What the scheme signs. All other places are free to change. */
  readonly signed: readonly Place[];
}

const json = {
  secret: "a secret of 24 letters..",
  next: "another secret, newer",
  url: "https://acme.rowhouse.test/webhooks/provider?from=1",
  body: '{"id":"evt_1","type":"a.b"}',
  contentType: "application/json",
};
const base64 = {
  ...json,
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  next: "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
};
const of = (scheme: SchemeName, more: Omit<SignatureSettings, "scheme"> = {}) => ({
  settings: { scheme, ...more },
});

export const CASES: Readonly<Record<SchemeName | "twilio, JSON" | "hmac-body, time", Case>> = {
  generic: {
    ...json,
    ...of("generic"),
    header: "X-Signature",
    timestamp: { header: "X-Timestamp" },
    signed: ["body", "timestamp"],
  },
  "hmac-body": {
    ...json,
    ...of("hmac-body", { signature_header: "X-User-Signature" }),
    header: "X-User-Signature",
    signed: ["body"],
  },
  "hmac-body, time": {
    ...json,
    ...of("hmac-body", { timestamp_header: "X-Sent-At" }),
    header: "X-Signature",
    signed: ["body"],
  },
  "standard-webhooks": {
    ...base64,
    ...of("standard-webhooks"),
    header: "webhook-signature",
    timestamp: { header: "webhook-timestamp" },
    id: "webhook-id",
    signed: ["body", "id", "timestamp"],
  },
  svix: {
    ...base64,
    ...of("svix"),
    header: "svix-signature",
    timestamp: { header: "svix-timestamp" },
    id: "svix-id",
    signed: ["body", "id", "timestamp"],
  },
  stripe: {
    ...json,
    ...of("stripe"),
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    header: "Stripe-Signature",
    timestamp: { tag: "t=" },
    signed: ["body", "timestamp"],
  },
  github: {
    ...json,
    ...of("github"),
    header: "X-Hub-Signature-256",
    id: "X-GitHub-Delivery",
    signed: ["body"],
  },
  slack: {
    ...json,
    ...of("slack"),
    header: "X-Slack-Signature",
    timestamp: { header: "X-Slack-Request-Timestamp" },
    signed: ["body", "timestamp"],
  },
  shopify: {
    ...json,
    ...of("shopify"),
    header: "X-Shopify-Hmac-Sha256",
    id: "X-Shopify-Event-Id",
    signed: ["body"],
  },
  twilio: {
    ...json,
    ...of("twilio"),
    body: "To=%2015&Body=hi+you&From=",
    contentType: "application/x-www-form-urlencoded",
    header: "X-Twilio-Signature",
    id: "I-Twilio-Idempotency-Token",
    signed: ["body", "url"],
  },
  "twilio, JSON": {
    ...json,
    ...of("twilio"),
    header: "X-Twilio-Signature",
    id: "I-Twilio-Idempotency-Token",
    signed: ["body", "url"],
  },
  paddle: {
    ...json,
    ...of("paddle"),
    header: "Paddle-Signature",
    timestamp: { tag: "ts=" },
    signed: ["body", "timestamp"],
  },
  square: {
    ...json,
    ...of("square", { notification_url: "https://public.example/square" }),
    header: "x-square-hmacsha256-signature",
    signed: ["body", "notification_url"],
  },
  pagerduty: {
    ...json,
    ...of("pagerduty"),
    header: "X-PagerDuty-Signature",
    signed: ["body"],
  },
  zendesk: {
    ...json,
    ...of("zendesk"),
    header: "X-Zendesk-Webhook-Signature",
    timestamp: { header: "X-Zendesk-Webhook-Signature-Timestamp" },
    id: "X-Zendesk-Webhook-Invocation-Id",
    signed: ["body", "timestamp"],
  },
};

export type CaseName = keyof typeof CASES;
export const CASE_NAMES = Object.keys(CASES) as CaseName[];
/** The cases whose timestamp must be there. */
export const CLOCKED = CASE_NAMES.filter((name) => CASES[name].timestamp !== undefined);

/** What a genuine sender sends at `at`, in milliseconds. */
export async function genuine(
  name: CaseName,
  at = NOW,
  changes: { readonly body?: Uint8Array; readonly secret?: string } = {},
): Promise<SignedRequest> {
  const { settings, secret, url, body, contentType } = CASES[name];
  const bytes = changes.body ?? utf8(body);
  const message = { url, body: bytes, contentType, id: "evt_1", eventType: "a.b" };
  const sent = await sign(settings, changes.secret ?? secret, message, at);
  return { ...sent, body: bytes };
}

/** `request` with its header `name` changed; removed when `value` is null. */
export function withHeader(
  request: SignedRequest,
  name: string,
  value: string | null,
): SignedRequest {
  const headers = new Headers(request.headers);
  if (value === null) headers.delete(name);
  else headers.set(name, value);
  return { ...request, headers };
}

/** `request` with the text of its header `name` put through `change`. */
export function mapHeader(
  request: SignedRequest,
  name: string,
  change: (text: string) => string,
): SignedRequest {
  return withHeader(request, name, change(request.headers.get(name) ?? ""));
}

/** `request` with another text for its timestamp, wherever that stands. */
export function withTimestamp(name: CaseName, request: SignedRequest, text: string): SignedRequest {
  const { timestamp, header } = CASES[name];
  if (timestamp === undefined) return request;
  if ("header" in timestamp) return withHeader(request, timestamp.header, text);
  return mapHeader(request, header, (whole) => whole.replace(/t(s?)=[^,;]*/, `t$1=${text}`));
}

/** The table of schemes: what each provider's documentation says, and nothing of our own. */
import type { Clock, Scheme } from "./scheme.ts";

/** All schemes, in the order in which people are shown them. */
export const SCHEME_NAMES = [
  "generic",
  "hmac-body",
  "standard-webhooks",
  "svix",
  "stripe",
  "github",
  "slack",
  "shopify",
  "twilio",
  "paddle",
  "square",
  "pagerduty",
  "zendesk",
] as const;

export type SchemeName = (typeof SCHEME_NAMES)[number];

const MINUTES_5 = 300;
const DOT = { literal: "." };
const FORM = "application/x-www-form-urlencoded";

const seconds = (at: Clock["at"], toleranceSeconds = MINUTES_5): Clock => ({
  format: "seconds",
  toleranceSeconds,
  at,
});

const jsonSample = (dataAt: readonly string[], fixed: Scheme["sample"]["fixed"] = {}) =>
  ({ contentType: "application/json", dataAt, fixed }) as const;

/** Standard Webhooks 1.0; Svix signs alike under names of its own. */
const standardWebhooks = (prefix: string): Scheme => ({
  signature: { header: `${prefix}-signature`, separator: " ", tag: "v1,", encoding: "base64" },
  hash: "SHA-256",
  key: "base64",
  content: ["id", DOT, "timestamp", DOT, "body"],
  clock: seconds({ header: `${prefix}-timestamp` }),
  idHeader: `${prefix}-id`,
  id: [{ header: `${prefix}-id` }],
  type: { sources: [{ body: ["type"] }], otherwise: "unknown" },
  format: "json",
  options: {},
  sample: jsonSample(["data"]),
});

export const SCHEMES: Readonly<Record<SchemeName, Scheme>> = {
  generic: {
    signature: {
      header: "X-Signature",
      separator: null,
      tag: "sha256=",
      encoding: "hex-any-case",
    },
    hash: "SHA-256",
    key: "text",
    content: ["timestamp", DOT, "body"],
    clock: seconds({ header: "X-Timestamp" }),
    id: [{ body: ["event_id"] }, { body: ["id"] }],
    type: { sources: [{ body: ["event_type"] }, { body: ["type"] }], otherwise: "unknown" },
    format: "content-type",
    options: {},
    sample: jsonSample([]),
  },
  "hmac-body": {
    signature: {
      header: "X-Signature",
      separator: null,
      tag: "sha256=",
      tagOptional: true,
      encoding: "hex",
    },
    hash: "SHA-256",
    key: "text",
    content: ["body"],
    // No header is looked at unasked: being unsigned it proves nothing, and another form of time
    // under a usual name would refuse what is genuine.
    clock: { format: "iso8601", toleranceSeconds: MINUTES_5, at: "settings" },
    id: [{ body: ["event_id"] }],
    type: { sources: [{ body: ["event_type"] }], otherwise: "unknown" },
    format: "content-type",
    options: { signature_header: "optional", timestamp_header: "optional" },
    sample: jsonSample([]),
  },
  "standard-webhooks": standardWebhooks("webhook"),
  svix: standardWebhooks("svix"),
  stripe: {
    signature: { header: "Stripe-Signature", separator: ",", tag: "v1=", encoding: "hex" },
    hash: "SHA-256",
    key: "text",
    content: ["timestamp", DOT, "body"],
    clock: seconds({ tag: "t=" }),
    id: [{ body: ["id"] }],
    type: { sources: [{ body: ["type"] }], otherwise: "unknown" },
    format: "json",
    options: {},
    sample: jsonSample(["data", "object"], { object: "event" }),
  },
  github: {
    signature: {
      header: "X-Hub-Signature-256",
      separator: null,
      tag: "sha256=",
      encoding: "hex",
    },
    hash: "SHA-256",
    key: "text",
    content: ["body"],
    id: [{ header: "X-GitHub-Delivery" }],
    type: {
      sources: [{ header: "X-GitHub-Event" }],
      suffix: { body: ["action"] },
      otherwise: "unknown",
    },
    format: "content-type",
    options: {},
    sample: jsonSample([]),
  },
  slack: {
    signature: { header: "X-Slack-Signature", separator: null, tag: "v0=", encoding: "hex" },
    hash: "SHA-256",
    key: "text",
    content: [{ literal: "v0:" }, "timestamp", { literal: ":" }, "body"],
    clock: seconds({ header: "X-Slack-Request-Timestamp" }),
    id: [{ body: ["event_id"] }],
    type: { sources: [{ body: ["event", "type"] }, { body: ["type"] }], otherwise: "unknown" },
    format: "content-type",
    options: {},
    sample: jsonSample(["event"], { type: "event_callback" }),
    challenge: { when: ["type"], equals: "url_verification", answer: ["challenge"] },
  },
  shopify: {
    signature: { header: "X-Shopify-Hmac-Sha256", separator: null, tag: "", encoding: "base64" },
    hash: "SHA-256",
    key: "text",
    content: ["body"],
    id: [{ header: "X-Shopify-Event-Id" }, { header: "X-Shopify-Webhook-Id" }],
    type: { sources: [{ header: "X-Shopify-Topic" }], otherwise: "unknown" },
    format: "content-type",
    options: {},
    sample: jsonSample([]),
  },
  twilio: {
    signature: { header: "X-Twilio-Signature", separator: null, tag: "", encoding: "base64" },
    hash: "SHA-1",
    key: "text",
    content: ["url", "parameters"],
    id: [{ header: "I-Twilio-Idempotency-Token" }],
    type: { sources: [{ body: ["EventType"] }], otherwise: "message" },
    format: "content-type",
    options: { notification_url: "optional" },
    sample: { contentType: FORM, fixed: {}, dataAt: [] },
  },
  paddle: {
    signature: { header: "Paddle-Signature", separator: ";", tag: "h1=", encoding: "hex" },
    hash: "SHA-256",
    key: "text",
    content: ["timestamp", { literal: ":" }, "body"],
    clock: seconds({ tag: "ts=" }, 5),
    id: [{ body: ["event_id"] }],
    type: { sources: [{ body: ["event_type"] }], otherwise: "unknown" },
    format: "json",
    options: {},
    sample: jsonSample(["data"]),
  },
  square: {
    signature: {
      header: "x-square-hmacsha256-signature",
      separator: null,
      tag: "",
      encoding: "base64",
    },
    hash: "SHA-256",
    key: "text",
    content: ["notification-url", "body"],
    id: [{ body: ["event_id"] }],
    type: { sources: [{ body: ["type"] }], otherwise: "unknown" },
    format: "json",
    options: { notification_url: "required" },
    sample: jsonSample(["data"]),
  },
  pagerduty: {
    signature: { header: "X-PagerDuty-Signature", separator: ",", tag: "v1=", encoding: "hex" },
    hash: "SHA-256",
    key: "text",
    content: ["body"],
    id: [{ body: ["event", "id"] }],
    type: { sources: [{ body: ["event", "event_type"] }], otherwise: "unknown" },
    format: "json",
    options: {},
    sample: jsonSample(["event", "data"]),
  },
  zendesk: {
    signature: {
      header: "X-Zendesk-Webhook-Signature",
      separator: null,
      tag: "",
      encoding: "base64",
    },
    hash: "SHA-256",
    key: "text",
    content: ["timestamp", "body"],
    clock: {
      format: "iso8601",
      toleranceSeconds: MINUTES_5,
      at: { header: "X-Zendesk-Webhook-Signature-Timestamp" },
    },
    id: [{ header: "X-Zendesk-Webhook-Invocation-Id" }],
    type: { sources: [{ body: ["type"] }], otherwise: "unknown" },
    format: "content-type",
    options: {},
    sample: jsonSample([]),
  },
};

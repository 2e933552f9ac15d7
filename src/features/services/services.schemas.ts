import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";
import {
  SCHEME_NAMES,
  type SignatureSettings,
  schemeText,
} from "../../platform/signatures/index.ts";
import { Api, ApiChanges, NewApi } from "./api.schemas.ts";

/** Words that stand in the place of a slug in paths below `/webhooks`. */
const RESERVED = ["health", "events", "dead-letters", "rejections"];

/** The largest body that a service may send in one delivery, in bytes. */
export const MOST_PAYLOAD_BYTES = 1_048_576;
/** Attempts at an event where the service says nothing else. */
export const USUAL_ATTEMPTS = 8;

/** How a service's webhooks are verified, as stored: without their secrets. */
export interface WebhookSettings extends SignatureSettings {
  readonly max_payload_bytes?: number;
  readonly max_attempts?: number;
}

export const ServiceSlug = z
  .string()
  .regex(/^[a-z0-9_-]{1,64}$/, "takes 1 to 64 of a-z, 0-9, _ and -")
  .refine((slug) => !RESERVED.includes(slug), "is kept for other uses")
  .openapi({ example: "stripe", pattern: "^[a-z0-9_-]{1,64}$" });

export const serviceParams = z.object({
  service: ServiceSlug.openapi({ param: { name: "service", in: "path" } }),
});
export const slugParams = z.object({
  slug: ServiceSlug.openapi({ param: { name: "slug", in: "path" } }),
});

const HeaderName = z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,64}$/, "is no header name");

const SignatureScheme = z.enum(SCHEME_NAMES).openapi("SignatureScheme", {
  description: [
    "How the sender signs. `<…>` stands for a value: of that header, or of that part of the request.",
    "",
    ...SCHEME_NAMES.map((name) => `- ${schemeText(name)}`),
  ].join("\n"),
  example: "stripe",
});

const options = {
  scheme: SignatureScheme,
  tolerance_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .openapi({
      description:
        "How far the signed time may be off, both ways, for schemes that have one. Left out: the " +
        "scheme's own.",
      example: 300,
    }),
  max_payload_bytes: z
    .int()
    .min(1)
    .max(MOST_PAYLOAD_BYTES)
    .optional()
    .openapi({ description: "Larger bodies are 413. Left out: 1 MiB.", example: 262_144 }),
  max_attempts: z
    .int()
    .min(1)
    .max(20)
    .optional()
    .openapi({
      description: `Attempts before an event is a dead letter. Left out: ${USUAL_ATTEMPTS}.`,
      example: 8,
    }),
  // No examples: most schemes take none of these three, and the example of the whole has to work.
  signature_header: HeaderName.optional().describe(
    "For schemes that let the sender choose; such as `X-Payment-Signature`.",
  ),
  timestamp_header: HeaderName.optional().describe(
    "For schemes that let the sender choose; such as `X-Payment-Time`.",
  ),
  notification_url: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .optional()
    .describe(
      "For schemes that sign it: the URL as the provider knows it, such as " +
        "`https://acme.example/api/v1/webhooks/square`. User and password in it are never shown; " +
        "a URL that is sent as it was shown, with `***` in their place, keeps them.",
    ),
};

const secrets = z
  .array(z.string().min(8).max(500))
  .min(1)
  .max(2)
  .openapi({
    description: "Write-only. Two while they are rotated: both are accepted.",
    example: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
  });

export const NewWebhook = z.strictObject({ ...options, secrets }).openapi("NewServiceWebhook");

export const WebhookChanges = z
  .strictObject({ ...options, secrets: secrets.optional() })
  .openapi("ServiceWebhookChanges", {
    description: "Replaces the settings; without `secrets` those that are there stay.",
  });

export const NewService = z
  .strictObject({
    slug: ServiceSlug,
    name: text(100).openapi({ example: "Stripe" }),
    webhook: NewWebhook.optional(),
    api: NewApi.optional(),
  })
  .openapi("NewService");

export const ServiceChanges = z
  .strictObject({
    name: text(100).openapi({ example: "Stripe" }).optional(),
    webhook: WebhookChanges.nullable()
      .optional()
      .describe("Null: this service sends no webhooks any more; its secrets are erased."),
    api: ApiChanges.nullable()
      .optional()
      .describe("Null: this service is called no more; its credential is erased."),
  })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("ServiceChanges", { description: "What is left out stays as it is.", minProperties: 1 });

export const Service = z
  .object({
    id: id("service"),
    slug: z.string().openapi({ example: "stripe" }),
    name: z.string().openapi({ example: "Stripe" }),
    webhook: z
      .object({
        ...options,
        url: z.string().openapi({
          description: "Where its webhooks go.",
          example: "https://acme.example/api/v1/webhooks/stripe",
        }),
        secrets: z.array(z.object({ id: id("secret"), created_at: Time })),
      })
      .nullable()
      .describe("Null where it sends none."),
    api: Api.nullable().describe("How it is called; null where it is not."),
    created_at: Time,
    updated_at: Time,
  })
  .openapi("Service");

export const ServicePage = pageOf(Service, "ServicePage");
export const ServiceQuery = strictQuery(pageQuery);

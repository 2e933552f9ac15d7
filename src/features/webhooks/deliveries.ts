import type { TenantCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import { type SignatureFault, verify } from "../../platform/signatures/index.ts";
import { findWebhookService, type WebhookService } from "../services/index.ts";
import { turnAway } from "./rejections.service.ts";

/** A request as its sender signed it. */
export interface Incoming {
  readonly url: string;
  readonly headers: Headers;
  /** @throws Failure `content-too-large` */
  read(limit: number): Promise<Uint8Array>;
}

/** A request that somebody who knows a secret of the service has signed. */
export interface Delivery {
  /** The caller's context, as that service. */
  readonly ctx: TenantCtx;
  readonly service: WebhookService;
  readonly url: string;
  readonly headers: Headers;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * Lets in what is genuine, of a size that the service may send. Nothing of what is turned away is
 * kept but a count.
 * @throws Failure `not-found`, `content-too-large`, `invalid-signature`, `invalid-timestamp`
 */
export async function admit(
  ctx: TenantCtx,
  slug: string,
  incoming: Incoming,
  limitOf: (service: WebhookService) => number,
): Promise<Delivery> {
  const service = await findWebhookService(ctx, slug);
  if (!service) {
    return turnAway(ctx, "", "unknown-service", new Failure("not-found", "No such service."));
  }
  const body = await incoming
    .read(limitOf(service))
    .catch((error) => turnAway(ctx, slug, "content-too-large", error));
  const { url, headers } = incoming;
  const request = { url, headers, body };
  const fault = await verify(service.settings, service.secrets, request, Date.now());
  if (fault) return turnAway(ctx, slug, fault, failureOf(fault));
  return {
    ctx: { ...ctx, principal: { kind: "service", id: service.id } },
    service,
    url,
    headers,
    contentType: headers.get("content-type") ?? "",
    body,
  };
}

/** The reason helps a sender who knows the secret, and nobody else. */
function failureOf(fault: SignatureFault): Failure {
  const code = fault.startsWith("timestamp-") ? "invalid-timestamp" : "invalid-signature";
  return new Failure(code, `The delivery was refused: ${fault}.`);
}

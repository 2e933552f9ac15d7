import type { TenantCtx } from "../../platform/context.ts";
import { failureGate, webhookGate } from "../../platform/limits/policies.ts";
import { noteFailure, pass, requireFewFailures } from "../../platform/limits/request-limits.ts";
import { Failure } from "../../platform/problems.ts";
import { headerFault, type SignatureFault, verify } from "../../platform/signatures/index.ts";
import { findWebhookService, type WebhookService } from "../services/index.ts";
import { turnAway } from "./rejections.service.ts";
import type { RejectionReason } from "./webhooks.tables.ts";

/** A request as its sender signed it. */
export interface Incoming {
  readonly url: string;
  readonly headers: Headers;
  /** The tenant's own, sent to itself: what is wrong with it is no rejection of its service. */
  readonly test?: true;
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
  /** Whether the tenant sent it to itself. */
  readonly test: boolean;
  /** Turns it away after all: counts it under this reason, and throws `error`. */
  refuse(reason: RejectionReason, error: unknown): Promise<never>;
}

/**
 * Lets in what is genuine, of a size that the service may send. No body is read whose headers tell
 * that it is none. Nothing of what is turned away is kept but a count. An address that has sent too much
 * that nobody signed is refused before the next costs a verification, or an unknown slug a read; this
 * is counted by service, because a provider's address serves many. A batch is one delivery: what it
 * may hold has a bound of its own.
 * @throws Failure `not-found`, `content-too-large`, `invalid-signature`, `invalid-timestamp`,
 * `webhooks-limited`, `overloaded`
 */
export async function admit(
  ctx: TenantCtx,
  slug: string,
  incoming: Incoming,
  limitOf: (service: WebhookService) => number,
): Promise<Delivery> {
  const { url, headers, test = false } = incoming;
  const ofService = failureGate(ctx, ctx.realm.id, slug);
  const ofNone = failureGate(ctx, ctx.realm.id);
  if (!test) await comeAgain(() => requireFewFailures(ctx, ofService));
  const service = await findWebhookService(ctx, slug, async () => {
    if (!test) await comeAgain(() => requireFewFailures(ctx, ofNone));
  });
  if (!service) {
    await noteFailure(ctx, ofNone);
    return turnAway(ctx, "", "unknown-service", new Failure("not-found", "No such service."));
  }
  const refuse = async (reason: RejectionReason, error: unknown) => {
    if (test) throw error;
    return turnAway(ctx, slug, reason, error);
  };
  const refuseUnsigned = async (fault: SignatureFault) => {
    if (!test && isUnsigned(fault)) await noteFailure(ctx, ofService);
    return refuse(fault, failureOf(fault));
  };
  const unreadable = headerFault(service.settings, headers);
  if (unreadable) return refuseUnsigned(unreadable);
  const body = await incoming
    .read(limitOf(service))
    .catch((error) => refuse("content-too-large", error));
  const request = { url, headers, body };
  const fault = await verify(service.settings, service.secrets, request, Date.now());
  if (fault) return refuseUnsigned(fault);
  try {
    await comeAgain(() => pass(ctx, webhookGate(ctx, service.plan)));
  } catch (error) {
    const isOver = error instanceof Failure && error.code === "webhooks-limited";
    if (isOver) return refuse("quota-exceeded", error);
    throw error;
  }
  return {
    ctx: { ...ctx, principal: { kind: "service", id: service.id } },
    service,
    url,
    headers,
    contentType: headers.get("content-type") ?? "",
    body,
    test,
    refuse,
  };
}

/** Many senders give up on a 4xx: what a limit refuses, they are to send again. */
async function comeAgain(check: () => void | Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "quota-exceeded") throw error;
    throw new Failure("webhooks-limited", error.message, { ...error.options, cause: error });
  }
}

/** The clock is looked at after the signature: whoever is too late has signed it. */
function isUnsigned(fault: SignatureFault): boolean {
  return fault !== "timestamp-stale" && fault !== "timestamp-ahead";
}

/**
 * Everybody is told what is wrong with the headers, and that a signature does not fit. That a time is
 * too far off hears only who has signed it.
 */
function failureOf(fault: SignatureFault): Failure {
  const code = fault.startsWith("timestamp-") ? "invalid-timestamp" : "invalid-signature";
  return new Failure(code, `The delivery was refused: ${fault}.`);
}

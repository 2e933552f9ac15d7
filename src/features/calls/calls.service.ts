import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import {
  callOut,
  type OutboundAnswer,
  requestHeaders,
  retryAfterMs,
  targetUrl,
} from "../../platform/outbound/index.ts";
import { Failure } from "../../platform/problems.ts";
import {
  type AuditEntry,
  commit,
  commitAside,
  IdempotencyRace,
  storedAnswer,
} from "../../platform/tenancy/index.ts";
import { type ApiService, findApiService } from "../services/index.ts";
import { type AnswerBody, answerBody } from "./answer-body.ts";
import { authorizationOf } from "./authorization.ts";
import { isOfService, isSpared } from "./call-failures.ts";
import { bodyBytes } from "./request-body.ts";
import { lineOf } from "./service-line.ts";

export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** What is asked of a service. */
export interface ServiceRequest {
  readonly method: (typeof METHODS)[number];
  /** Below the service's base URL; begins with `/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A JSON value, or text where `headers` name another content type; null: none. */
  readonly body?: unknown;
  /** By it the service tells a repeat from another request; asking twice then does no harm. */
  readonly idempotencyKey?: string | undefined;
}

/** What the service said; any status is an answer. */
export type ServiceAnswer = Omit<OutboundAnswer, "body"> &
  AnswerBody & {
    /** Seconds that the service asks to be left in peace; 0 where it does not. */
    readonly retryAfterSeconds: number;
  };

/** Asking these twice does as much as asking once (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/**
 * Calls a service with its credential. For use cases that audit it themselves, such as handlers of
 * webhooks, whose effect says what became of the call.
 * @throws Failure `not-found`, `service-not-callable`, `validation-failed`, `content-too-large`;
 * `circuit-open`, `quota-exceeded` when the service is left in peace; `downstream-unreachable`,
 * `downstream-timeout`, `downstream-answer`
 */
export async function callService(
  ctx: TenantCtx,
  slug: string,
  request: ServiceRequest,
): Promise<ServiceAnswer> {
  return ask(ctx, await requireService(ctx, slug), request);
}

/**
 * The same for a caller of the API. A call that may change something has an audit row of its own,
 * whether it went well or not; those that only read are summed.
 */
export async function requestService(
  ctx: TenantCtx,
  slug: string,
  request: ServiceRequest,
): Promise<ServiceAnswer> {
  await requireNew(ctx);
  const service = await requireService(ctx, slug);
  const idempotencyKey = ctx.idempotency?.text;
  let answer: ServiceAnswer;
  try {
    answer = await ask(ctx, service, { ...request, idempotencyKey });
  } catch (error) {
    if (isOfService(error)) await noteFailure(ctx, service, request, error);
    throw error;
  }
  const entry = entryOf("service.called", service, request, { status: answer.status });
  return commit(ctx, [], [SAFE.has(request.method) ? { ...entry, summed: true } : entry], answer);
}

/** A repeat gets the answer that is kept for its key: the service is not to hear of it again. */
async function requireNew({ db, idempotency }: TenantCtx): Promise<void> {
  if (idempotency && (await storedAnswer(db, idempotency.key))) throw new IdempotencyRace();
}

async function requireService(ctx: TenantCtx, slug: string): Promise<ApiService> {
  const service = await findApiService(ctx, slug);
  if (!service) throw new Failure("not-found", `There is no service ${slug}.`);
  return service;
}

async function ask(
  ctx: TenantCtx,
  service: ApiService,
  { method, path, query, headers: given = {}, body, idempotencyKey }: ServiceRequest,
): Promise<ServiceAnswer> {
  const { settings, credential, credentialId } = service;
  if (!settings) throw notCallable(`The service ${service.slug} has no API settings.`);
  const { auth } = settings;
  if (auth.type !== "none" && credential === null) {
    throw notCallable(`The credential of ${service.slug} is void: enter it again.`);
  }
  const url = targetUrl(new URL(settings.base_url), path, query);
  const headers = requestHeaders(given);
  const bytes = bodyBytes(body, method, headers);
  if (idempotencyKey !== undefined && !headers.has("idempotency-key")) {
    headers.set("idempotency-key", idempotencyKey);
  }
  const repeatable = IDEMPOTENT.has(method) || headers.has("idempotency-key");
  const authorization = authorizationOf(auth, credential);
  if (authorization) headers.set(...authorization);
  const { body: received, ...answer } = await callOut(ctx, lineOf(service, settings), {
    method,
    url,
    headers,
    body: bytes,
    repeatable,
    cacheAs: credentialId ?? "none",
  });
  const { headers: told } = answer;
  return {
    ...answer,
    ...answerBody(received, told.get("content-type")),
    retryAfterSeconds: Math.ceil(retryAfterMs(told.get("retry-after"), Date.now()) / 1_000),
  };
}

/** What is refused over and over, or changes nothing, is summed. */
async function noteFailure(
  ctx: TenantCtx,
  service: ApiService,
  request: ServiceRequest,
  failure: Failure,
): Promise<void> {
  const entry = entryOf("service.call_failed", service, request, { problem: failure.code });
  const isSummed = SAFE.has(request.method) || isSpared(failure);
  try {
    await commitAside(ctx, [], [isSummed ? { ...entry, summed: true } : entry]);
  } catch (error) {
    ctx.log.error("call not audited", { service: service.id, ...errorFields(error) });
  }
}

/** Without query, headers and bodies, which may hold anything. */
function entryOf(
  action: string,
  { id, slug }: ApiService,
  { method, path }: ServiceRequest,
  outcome: Readonly<Record<string, unknown>>,
): AuditEntry {
  return { action, target: id, details: { service: slug, method, path, ...outcome } };
}

function notCallable(detail: string): Failure {
  return new Failure("service-not-callable", detail);
}

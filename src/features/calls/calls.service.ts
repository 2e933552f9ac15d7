import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import {
  callOut,
  isPassingStatus,
  type OutboundAnswer,
  type OutboundRequest,
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
  /**
   * The same for repeats of this request and no other. Sent where the service's settings name a header
   * for it; asking twice then does no harm.
   */
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
 * `circuit-open`, `quota-exceeded`, `overloaded` when it is not asked now; `downstream-unreachable`,
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
 * The same for a caller of the API. A call that may change something has an audit row before it is
 * sent, and another with what became of it; those that only read are summed. Our key for it hangs on
 * the caller, so that two people's `order-1` are two orders.
 * @throws Failure as `callService`, and as `commit` when it cannot be audited: then nothing is sent
 */
export async function requestService(
  ctx: TenantCtx,
  slug: string,
  request: ServiceRequest,
): Promise<ServiceAnswer> {
  await requireNew(ctx);
  const service = await requireService(ctx, slug);
  const summed = SAFE.has(request.method);
  const call = summed ? {} : { call: newId("call") };
  const begin = () => commitAside(ctx, [], [entryOf("service.call_begun", service, request, call)]);
  const asked = { ...request, idempotencyKey: ctx.idempotency?.key };
  let answer: ServiceAnswer;
  try {
    answer = await ask(ctx, service, asked, summed ? {} : { beforeSending: begin });
  } catch (error) {
    if (isOfService(error)) await noteFailure(ctx, service, request, error, call);
    throw error;
  }
  const { status } = answer;
  const outcome = { ...call, status };
  const entry = summedIf(summed, entryOf("service.called", service, request, outcome));
  if (!isPassingStatus(status)) return commit(ctx, [], [entry], answer);
  // Not kept for its key: whoever comes back is to be answered what is true by then.
  await commitAside(ctx, [], [entry]);
  return answer;
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
  hooks: Pick<OutboundRequest, "beforeSending"> = {},
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
  const isKeyed = setKey(headers, settings.idempotency_header, method, idempotencyKey);
  const { body: received, ...answer } = await callOut(ctx, lineOf(service, settings), {
    method,
    url,
    headers,
    credential: authorizationOf(auth, credential),
    body: bytes,
    repeatable: IDEMPOTENT.has(method) || isKeyed,
    cacheAs: credentialId ?? "none",
    ...hooks,
  });
  const { headers: told } = answer;
  return {
    ...answer,
    ...answerBody(received, told.get("content-type")),
    retryAfterSeconds: Math.ceil(retryAfterMs(told.get("retry-after"), Date.now()) / 1_000),
  };
}

/**
 * Puts the key where the service looks for it.
 * @returns whether it is there
 * @throws Failure `validation-failed` when the caller has set that header
 */
function setKey(
  headers: Headers,
  name: string | null,
  method: ServiceRequest["method"],
  key: string | undefined,
): boolean {
  if (name === null) return false;
  if (headers.has(name)) {
    const message = `must not hold ${name}: send Idempotency-Key with this request`;
    throw new Failure("validation-failed", undefined, {
      errors: [{ pointer: "/headers", message }],
    });
  }
  if (key === undefined || SAFE.has(method)) return false;
  headers.set(name, key);
  return true;
}

/** What is refused over and over, or changes nothing, is summed. */
async function noteFailure(
  ctx: TenantCtx,
  service: ApiService,
  request: ServiceRequest,
  failure: Failure,
  call: { readonly call?: string },
): Promise<void> {
  const summed = SAFE.has(request.method) || isSpared(failure);
  const outcome = { ...(summed ? {} : call), problem: failure.code };
  const entry = entryOf("service.call_failed", service, request, outcome);
  try {
    await commitAside(ctx, [], [summedIf(summed, entry)]);
  } catch (error) {
    ctx.log.error("call not audited", { service: service.id, ...errorFields(error) });
  }
}

function summedIf(summed: boolean, entry: AuditEntry): AuditEntry {
  return summed ? { ...entry, summed } : entry;
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

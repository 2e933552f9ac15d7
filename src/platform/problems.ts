/** A type has one title (RFC 9457): that of rate limits is also that of a plan's quotas. */
const QUOTA_TITLE = "An assigned quota is exceeded";

/**
 * Every error that a caller can meet, once: the code is the last part of the problem document's
 * `type` (RFC 9457), where it names no other, and never changes its meaning. Services throw a
 * {@link Failure} with a code; only `platform/http` knows how it looks on the wire.
 */
export const PROBLEMS = {
  "malformed-request": { status: 400, title: "The request cannot be read" },
  "malformed-json": { status: 400, title: "The body is not valid JSON" },
  "invalid-cursor": { status: 400, title: "The cursor does not belong to this list" },
  unauthenticated: { status: 401, title: "A valid access token is required" },
  "invalid-credentials": { status: 401, title: "E-mail or password is wrong" },
  "invalid-refresh-token": { status: 401, title: "The refresh token is not valid" },
  "refresh-superseded": { status: 401, title: "A newer refresh token was issued moments ago" },
  "invalid-signature": {
    status: 401,
    title: "The signature is not valid",
    challenge: "Signature",
  },
  "invalid-timestamp": {
    status: 401,
    title: "The signed time is not near enough",
    challenge: "Signature",
  },
  "invalid-ticket": { status: 401, title: "The stream ticket is not valid", challenge: "Ticket" },
  "permission-denied": { status: 403, title: "The caller's role lacks the permission" },
  "over-quota": { status: 403, title: QUOTA_TITLE, type: "quota-exceeded" },
  "tenant-suspended": { status: 403, title: "The tenant is suspended" },
  "registration-closed": { status: 403, title: "Registration is not open" },
  "invalid-invitation": { status: 403, title: "The invitation is not valid" },
  "wrong-password": { status: 403, title: "The current password is wrong" },
  "origin-not-allowed": { status: 403, title: "Pages of this origin may not connect" },
  "not-found": { status: 404, title: "There is nothing here" },
  "tenant-not-found": { status: 404, title: "No tenant lives at this address" },
  "method-not-allowed": { status: 405, title: "The method is not allowed here" },
  conflict: { status: 409, title: "The resource changed meanwhile" },
  "other-route": { status: 409, title: "This body was taken in at the other address" },
  "actor-in-use": { status: 409, title: "Events name the actor" },
  "signal-state": { status: 409, title: "The signal's state does not allow this" },
  "event-state": { status: 409, title: "The event's state does not allow this" },
  "slug-reserved": { status: 409, title: "The slug is kept for other uses" },
  "slug-taken": { status: 409, title: "The slug is taken" },
  "email-taken": { status: 409, title: "The e-mail address is taken" },
  "last-admin": { status: 409, title: "A tenant keeps at least one admin" },
  "service-not-callable": { status: 409, title: "The service cannot be called as it is set up" },
  "delivery-state": { status: 409, title: "The delivery's state does not allow this" },
  "tenant-state": { status: 409, title: "The tenant's state does not allow this" },
  "migration-running": { status: 409, title: "A migration of the fleet is running" },
  "migration-state": { status: 409, title: "The migration's state does not allow this" },
  "import-state": { status: 409, title: "The import's state does not allow this" },
  "idempotency-in-progress": {
    status: 409,
    title: "A request with this key is being answered",
    retryAfter: 1,
  },
  "precondition-failed": { status: 412, title: "The resource is not the one that was read" },
  "content-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The media type is not supported" },
  misdirected: { status: 421, title: "Another cell has to answer this" },
  "archive-invalid": { status: 422, title: "The archive cannot be taken in" },
  "validation-failed": { status: 422, title: "The request has invalid values" },
  "idempotency-mismatch": {
    status: 422,
    title: "The Idempotency-Key was used for another request",
  },
  "upgrade-required": { status: 426, title: "This is a WebSocket" },
  "too-many-streams": { status: 429, title: "Too many streams are open", retryAfter: 30 },
  "quota-exceeded": { status: 429, title: QUOTA_TITLE },
  "sign-in-locked": { status: 429, title: "Too many failed sign-ins", retryAfter: 60 },
  "registration-limit": { status: 429, title: "Too many registrations", retryAfter: 3_600 },
  "internal-error": { status: 500, title: "Something went wrong on our side" },
  "downstream-unreachable": {
    status: 502,
    title: "The called service cannot be reached",
    ours: false,
  },
  "downstream-answer": {
    status: 502,
    title: "The called service's answer cannot be used",
    ours: false,
  },
  "webhooks-limited": {
    status: 503,
    title: "No more webhooks are taken in right now",
    ours: false,
  },
  "circuit-open": {
    status: 503,
    title: "The called service is left in peace for now",
    ours: false,
  },
  "downstream-timeout": {
    status: 504,
    title: "The called service did not answer in time",
    ours: false,
  },
  "not-ready": { status: 503, title: "A part that answers need is down", retryAfter: 5 },
  overloaded: { status: 503, title: "Too busy right now", retryAfter: 1 },
  "database-unavailable": {
    status: 503,
    title: "A database does not answer right now",
    retryAfter: 5,
  },
  "outcome-unknown": {
    status: 503,
    title: "It is not known whether the change was made",
    retryAfter: 5,
  },
  "pool-exhausted": { status: 503, title: "No free tenant database right now", retryAfter: 60 },
  "tenant-provisioning": { status: 503, title: "The tenant is being set up", retryAfter: 2 },
  "tenant-migrating": {
    status: 503,
    title: "The tenant's database is being brought up to date",
    retryAfter: 10,
  },
} as const satisfies Record<string, ProblemKind>;

/** What all problems of one code have in common. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Last part of its `type`, where it shares another code's. */
  readonly type?: string;
  /** Seconds after which trying again helps, where that is always the same. */
  readonly retryAfter?: number;
  /** Whether a 5xx is a fault of this platform: unless this says otherwise, it is. */
  readonly ours?: boolean;
  /** What a 401 asks for in `WWW-Authenticate`; a bearer token by default. */
  readonly challenge?: string;
}

/** The stable name of an error. */
export type ProblemCode = keyof typeof PROBLEMS;

/** One invalid value: where (RFC 6901 JSON pointer, or `?name` for a query parameter) and why. */
export interface FieldError {
  readonly pointer: string;
  readonly message: string;
}

export interface FailureOptions {
  /** Seconds after which trying again helps. */
  readonly retryAfter?: number;
  readonly errors?: readonly FieldError[];
  /** Extra response headers that the standard asks for, such as `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of this problem's own (RFC 9457, section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** For the log only; never shown to the caller. */
  readonly cause?: unknown;
}

/** An expected failure, free of transport. `detail` is shown to the caller. */
export class Failure extends Error {
  readonly code: ProblemCode;
  readonly options: FailureOptions;

  constructor(code: ProblemCode, detail?: string, options: FailureOptions = {}) {
    super(detail ?? PROBLEMS[code].title, { cause: options.cause });
    this.name = "Failure";
    this.code = code;
    this.options = options;
  }
}

import type { Ctx, SignedIn } from "../context.ts";
import { importPublic } from "../crypto/signing-keys.ts";
import { type RealmPlan, warnOfUnknownPlan } from "../limits/plans.ts";
import { failureGate } from "../limits/policies.ts";
import { noteFailure, passAddress, requireFewFailures } from "../limits/request-limits.ts";
import { createLru } from "../lru.ts";
import { Failure } from "../problems.ts";
import type { RealmStatus } from "../tenancy/index.ts";
import type { Role } from "./permissions.ts";
import { type AccessClaims, hintOf, type TokenHint, verifyAccessToken } from "./tokens.ts";

/** What the realm's database says, live, of a session, its user, the key and the realm itself. */
export interface CallerState {
  readonly realmStatus: RealmStatus;
  readonly realmPlan: RealmPlan;
  /** Null when the session is over, or its user gone. */
  readonly user: { readonly id: string; readonly email: string; readonly role: Role } | null;
  /** Null when the realm has no such key, or no longer. */
  readonly publicJwk: Record<string, string> | null;
}

/**
 * Reads a {@link CallerState} in one statement, from the primary.
 * @throws Error when the database is another realm's
 */
export type CallerReader = (ctx: Ctx, hint: TokenHint) => Promise<CallerState>;

/** Who calls, and what the realm may use. */
export type Authenticated = SignedIn & { readonly plan: RealmPlan };

/** @throws Failure `unauthenticated`, `tenant-suspended`, `tenant-not-found`, `quota-exceeded` */
export type Authenticator = (ctx: Ctx, authorization: string | undefined) => Promise<Authenticated>;

/**
 * How long an isolate may believe what it read, in ms: sign-out, deletion, suspension, a change of
 * role or of limits take effect everywhere within this time.
 */
const CALLER_TTL_MS = 5_000;
/** Callers and tokens remembered per isolate. */
const KEPT = 5_000;

interface Remembered {
  readonly state: CallerState;
  readonly until: number;
}

const callers = createLru<Remembered>(KEPT);
const tokens = createLru<{ readonly claims: AccessClaims; readonly until: number }>(KEPT);

/**
 * Makes the check that every endpoint with a caller runs: bearer token (RFC 6750), signature,
 * session, user, realm. All that is wrong with a token gets one answer. An address that has shown too
 * many that this realm never signed is refused before the next one costs a read and a verification;
 * tokens that were good once are let through, whoever else is at that address. One that ran out, or whose
 * session is over, is no failure: a forgotten window must not shut out its whole office.
 */
export function createAuthenticator(readCaller: CallerReader): Authenticator {
  return async (ctx, authorization) => {
    if (authorization === undefined) throw new Failure("unauthenticated");
    const failures = failureGate(ctx);
    const fail = async () => {
      await noteFailure(ctx, failures);
      return new Failure("unauthenticated");
    };
    const token = /^Bearer ([\w.-]+)$/i.exec(authorization)?.[1];
    const hint = token === undefined ? null : hintOf(token);
    if (token === undefined || !wasGood(ctx, token)) requireFewFailures(ctx, failures);
    if (token === undefined || !hint) throw await fail();
    const caller = recall(ctx, hint) ?? (await ask(ctx, hint, readCaller));
    const { user, publicJwk, realmStatus, realmPlan } = caller.state;
    const claims = publicJwk && (await claimsOf(ctx, token, publicJwk));
    if (!claims || (claims !== "expired" && claims.sid !== hint.sid)) throw await fail();
    // Not before the signature held: tokens that anybody can make up would crowd out the others.
    callers.set(cacheKey(ctx.realm.id, hint.sid, hint.kid), caller);
    if (claims === "expired" || claims.sub !== user?.id) {
      throw await turnedAway(ctx, new Failure("unauthenticated"));
    }
    if (realmStatus !== "active") throw await turnedAway(ctx, inactive(realmStatus));
    const principal = { kind: "user", ...user, sessionId: claims.sid } as const;
    return { ...ctx, principal, plan: realmPlan };
  };
}

/**
 * Whoever shows a token that no longer helps is a stranger, and held to the limit of strangers.
 * @throws Failure `quota-exceeded`
 */
async function turnedAway(ctx: Ctx, failure: Failure): Promise<Failure> {
  await passAddress(ctx, ["anonymous"], { always: true });
  return failure;
}

/** @throws Failure `tenant-suspended`, `tenant-not-found`, `tenant-provisioning` */
export function requireActive(status: RealmStatus): void {
  if (status !== "active") throw inactive(status);
}

const INACTIVE = {
  suspended: "tenant-suspended",
  deactivated: "tenant-not-found",
  moving: "tenant-provisioning",
} as const;

function inactive(status: Exclude<RealmStatus, "active">): Failure {
  return new Failure(INACTIVE[status]);
}

/** Drops what this isolate believes of a user, after a change that it made itself. */
export function forgetUser(realmId: string, userId: string): void {
  const prefix = cacheKey(realmId, "");
  for (const key of callers.keys()) {
    if (key.startsWith(prefix) && callers.get(key)?.state.user?.id === userId) callers.delete(key);
  }
}

function recall(ctx: Ctx, hint: TokenHint): Remembered | undefined {
  const seen = callers.get(cacheKey(ctx.realm.id, hint.sid, hint.kid));
  return seen && Date.now() < seen.until ? seen : undefined;
}

async function ask(ctx: Ctx, hint: TokenHint, read: CallerReader): Promise<Remembered> {
  const until = Date.now() + CALLER_TTL_MS;
  const state = await read(ctx, hint);
  warnOfUnknownPlan(ctx, state.realmPlan);
  return { state, until };
}

/** Whether this isolate has verified the token and it has not run out: nobody made it up. */
function wasGood(ctx: Ctx, token: string): boolean {
  const seen = tokens.get(cacheKey(ctx.realm.id, "", token));
  return seen !== undefined && Date.now() < seen.claims.exp * 1_000;
}

/** A token that was verified is remembered by its exact text, never past its expiry. */
async function claimsOf(
  ctx: Ctx,
  token: string,
  publicJwk: Record<string, string>,
): Promise<AccessClaims | "expired" | null> {
  const key = cacheKey(ctx.realm.id, "", token);
  const seen = tokens.get(key);
  if (seen && Date.now() < seen.until) return seen.claims;
  const claims = await verifyAccessToken(token, await importPublic(publicJwk), ctx.realm.origin);
  if (!claims || claims === "expired") return claims;
  const until = Math.min(Date.now() + CALLER_TTL_MS, claims.exp * 1_000);
  tokens.set(key, { claims, until });
  return claims;
}

function cacheKey(...parts: string[]): string {
  return parts.join("|");
}

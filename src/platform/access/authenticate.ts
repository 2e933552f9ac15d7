import type { Ctx, SignedIn } from "../context.ts";
import { importPublic } from "../crypto/signing-keys.ts";
import { createLru } from "../lru.ts";
import { Failure } from "../problems.ts";
import type { RealmStatus } from "../tenancy/index.ts";
import type { Role } from "./permissions.ts";
import { type AccessClaims, hintOf, type TokenHint, verifyAccessToken } from "./tokens.ts";

/** What the realm's database says, live, of a session, its user, the key and the realm itself. */
export interface CallerState {
  readonly realmStatus: RealmStatus;
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

/** @throws Failure `unauthenticated`, `tenant-suspended`, `tenant-not-found` */
export type Authenticator = (ctx: Ctx, authorization: string | undefined) => Promise<SignedIn>;

/**
 * How long an isolate may believe what it read, in ms: sign-out, deletion, suspension and a role
 * change take effect everywhere within this time.
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
 * session, user, realm. All that is wrong with a token gets one answer.
 */
export function createAuthenticator(readCaller: CallerReader): Authenticator {
  return async (ctx, authorization) => {
    const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? "")?.[1];
    const hint = token === undefined ? null : hintOf(token);
    if (token === undefined || !hint) throw new Failure("unauthenticated");
    const caller = recall(ctx, hint) ?? (await ask(ctx, hint, readCaller));
    const { user, publicJwk, realmStatus } = caller.state;
    const claims = publicJwk && (await claimsOf(ctx, token, publicJwk));
    if (!claims || claims.sid !== hint.sid) throw new Failure("unauthenticated");
    // Not before the signature held: tokens that anybody can make up would crowd out the others.
    callers.set(cacheKey(ctx.realm.id, hint.sid, hint.kid), caller);
    if (claims.sub !== user?.id) throw new Failure("unauthenticated");
    requireActive(realmStatus);
    const principal = { kind: "user", ...user, sessionId: claims.sid } as const;
    return { ...ctx, principal };
  };
}

/** @throws Failure `tenant-suspended`, `tenant-not-found` */
export function requireActive(status: RealmStatus): void {
  if (status === "suspended") throw new Failure("tenant-suspended");
  if (status === "deactivated") throw new Failure("tenant-not-found");
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
  return { state: await read(ctx, hint), until };
}

/** A token that was verified is remembered by its exact text, never past its expiry. */
async function claimsOf(
  ctx: Ctx,
  token: string,
  publicJwk: Record<string, string>,
): Promise<AccessClaims | null> {
  const key = cacheKey(ctx.realm.id, "", token);
  const seen = tokens.get(key);
  if (seen && Date.now() < seen.until) return seen.claims;
  const claims = await verifyAccessToken(token, await importPublic(publicJwk), ctx.realm.origin);
  if (!claims) return null;
  const until = Math.min(Date.now() + CALLER_TTL_MS, claims.exp * 1_000);
  tokens.set(key, { claims, until });
  return claims;
}

function cacheKey(...parts: string[]): string {
  return parts.join("|");
}

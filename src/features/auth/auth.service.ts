import type { z } from "zod";
import { forgetUser, requireActive } from "../../platform/access/authenticate.ts";
import { protectPassword } from "../../platform/access/passwords.ts";
import type { UserPrincipal } from "../../platform/access/principal.ts";
import type { Ctx, SignedIn } from "../../platform/context.ts";
import { sha256Hex } from "../../platform/crypto/digest.ts";
import { randomToken } from "../../platform/crypto/random.ts";
import { networkOf } from "../../platform/network.ts";
import { Failure } from "../../platform/problems.ts";
import { recheckStreams } from "../../platform/stream/stream-client.ts";
import { commit, commitAside, enterTenant, type Step } from "../../platform/tenancy/index.ts";
import {
  endSession,
  endSessionsOf,
  newRefreshToken,
  rememberDevice,
  rotateRefreshToken,
  startSession,
} from "../sessions/index.ts";
import {
  findUser,
  noteSignIn,
  provePassword,
  type UserRow,
  type UserView,
} from "../users/index.ts";
import { readRefreshToken, readSignIn } from "./auth.repository.ts";
import type { SignIn, Tokens } from "./auth.schemas.ts";
import { issueTokens } from "./issue-tokens.ts";

/** The parent of the current token, shown within this time of its exchange, is no theft: ms. */
const SUPERSEDED_MS = 10_000;

/** A user who has just come in. */
export interface Entry {
  readonly user: UserRow;
  readonly tokens: z.input<typeof Tokens>;
  readonly deviceToken: string;
}

/**
 * Signs somebody in: to the tenant of the door, or on the platform door to the tenant that is
 * named, or as an operator.
 * @throws Failure `invalid-credentials`, `sign-in-locked`, `tenant-suspended`, `overloaded`
 */
export async function signIn(here: Ctx, input: z.output<typeof SignIn>): Promise<Entry> {
  const ctx = await realmOf(here, input.tenant_slug);
  const network = networkOf(ctx.request.ip);
  const known = await readSignIn(ctx.db, {
    email: input.email,
    network,
    deviceHash: await sha256Hex(input.device_token ?? ""),
  });
  requireActive(known.realmStatus);
  const { user } = known;
  const proof = await provePassword(
    ctx,
    {
      email: input.email,
      stored: user?.passwordHash ?? null,
      password: input.password,
      network,
      everywhere: known.device === null,
      lockedUntil: laterOf(known.networkLock, known.device ? null : known.everywhereLock),
      userId: user?.id ?? null,
    },
    {
      failed: "session.sign_in_failed",
      locked: "session.sign_in_locked",
      wrong: "invalid-credentials",
    },
  );
  if (!user) throw new Failure("invalid-credentials");
  const upgrade = proof.outdated ? await upgradeOf(ctx, input.password) : undefined;
  const deviceToken = (known.device && input.device_token) || newDeviceToken();
  return enter(ctx, user, deviceToken, proof.steps, upgrade);
}

/**
 * Starts a session for a user who has proved to be one.
 * @param steps what has to hold or happen with it
 */
export async function enter(
  ctx: Ctx,
  user: UserRow,
  deviceToken: string = newDeviceToken(),
  steps: readonly Step[] = [],
  upgrade?: string,
): Promise<Entry> {
  const session = await startSession(ctx, user.id);
  const tokens = await issueTokens(ctx, { ...session, userId: user.id });
  const now = new Date();
  await commit(
    { ...ctx, principal: principalOf(user, session.id) },
    [
      ...steps,
      noteSignIn(user.id, user.passwordVersion, now, upgrade),
      ...session.steps,
      ...(await rememberDevice(user.id, deviceToken)),
    ],
    [{ action: "session.started", target: session.id }],
  );
  return { user: { ...user, lastSignInAt: now }, tokens, deviceToken };
}

/**
 * Exchanges a refresh token. The parent of the current one, moments after its exchange, is two
 * tabs or a lost answer; anything older is a theft, and ends the session.
 * @throws Failure `invalid-refresh-token`, `refresh-superseded`, `tenant-suspended`
 */
export async function refresh(ctx: Ctx, refreshToken: string): Promise<z.input<typeof Tokens>> {
  const known = await readRefreshToken(ctx.db, await sha256Hex(refreshToken));
  if (!known) throw new Failure("invalid-refresh-token");
  requireActive(known.realmStatus);
  const { token, session, user } = known;
  const caller = { ...ctx, principal: principalOf(user, session.id) };
  const over = session.revokedAt !== null || session.idleAt.getTime() <= Date.now();
  if (over) throw new Failure("invalid-refresh-token");
  if (token.rotatedAt) {
    const isParent = token.generation === known.newestGeneration - 1;
    if (isParent && Date.now() - token.rotatedAt.getTime() <= SUPERSEDED_MS) {
      throw new Failure("refresh-superseded");
    }
    await endStolen(caller, session.id);
    throw new Failure("invalid-refresh-token");
  }
  const successor = newRefreshToken();
  const tokens = await issueTokens(ctx, {
    id: session.id,
    userId: user.id,
    refreshToken: successor,
  });
  await commit(caller, await rotateRefreshToken(ctx, token, session, successor), [
    { action: "session.refreshed", target: session.id },
  ]);
  return tokens;
}

/**
 * The caller. One who was removed seconds ago may still be believed to be signed in.
 * @throws Failure `unauthenticated`
 */
export async function whoAmI(ctx: SignedIn): Promise<UserView> {
  const user = await findUser(ctx.db, ctx.principal.id);
  if (!user) throw new Failure("unauthenticated");
  return user;
}

/** Ends the caller's session, or all sessions of the user. */
export async function signOut(ctx: SignedIn, all: boolean): Promise<void> {
  const { id, sessionId } = ctx.principal;
  await commit(
    ctx,
    [all ? endSessionsOf(id) : endSession(sessionId)],
    [
      {
        action: all ? "session.all_ended" : "session.ended",
        target: all ? id : sessionId,
        whenChanged: "sessions.end",
      },
    ],
  );
  forgetUser(ctx.realm.id, id);
  await recheckStreams(ctx);
}

async function endStolen(ctx: SignedIn, sessionId: string): Promise<void> {
  await commitAside(
    ctx,
    [endSession(sessionId)],
    [{ action: "session.refresh_token_reused", target: sessionId, whenChanged: "sessions.end" }],
  );
  forgetUser(ctx.realm.id, ctx.principal.id);
  await recheckStreams(ctx);
}

/** A better hash of a password that was right. Where there is no room to make one: another time. */
async function upgradeOf(ctx: Ctx, password: string): Promise<string | undefined> {
  try {
    return await protectPassword(ctx, password);
  } catch (error) {
    if (error instanceof Failure && error.code === "overloaded") return undefined;
    throw error;
  }
}

/** The one place where a body may name a tenant, and only on the platform door. */
async function realmOf(ctx: Ctx, tenantSlug: string | undefined): Promise<Ctx> {
  if (tenantSlug === undefined) return ctx;
  if (ctx.realm.slug === null) return enterTenant(ctx, tenantSlug);
  throw new Failure("validation-failed", "This door is a tenant's already.", {
    errors: [{ pointer: "/tenant_slug", message: "is for the platform door" }],
  });
}

function principalOf(user: UserRow, sessionId: string): UserPrincipal {
  return { kind: "user", id: user.id, email: user.email, role: user.role, sessionId };
}

function newDeviceToken(): string {
  return `rwd_${randomToken()}`;
}

function laterOf(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a > b ? a : b;
}

import { and, eq, gt, inArray, isNull, lt, ne, type SQL, sql } from "drizzle-orm";
import type { Ctx } from "../../platform/context.ts";
import { sha256Hex } from "../../platform/crypto/digest.ts";
import { randomToken } from "../../platform/crypto/random.ts";
import { newId } from "../../platform/ids.ts";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { devices, refreshTokens, sessions } from "./sessions.tables.ts";

/** Dead sessions swept by each sign-in, so that no job has to. */
const SWEPT = 10;
/** Devices remembered per user. */
const DEVICES_KEPT = 20;

/** A session that begins with the commit its steps are part of. */
export interface NewSession {
  readonly id: string;
  readonly refreshToken: string;
  readonly steps: readonly Step[];
}

/** `rwr_` and 256 random bits: secret scanners know the prefix. */
export function newRefreshToken(): string {
  return `rwr_${randomToken()}`;
}

/** Starts a session and the family of its refresh tokens. */
export async function startSession(ctx: Ctx, userId: string): Promise<NewSession> {
  const id = newId("session");
  const refreshToken = newRefreshToken();
  const now = new Date();
  const endsAt = new Date(now.getTime() + ctx.settings.SESSION_MAX_SECONDS * 1_000);
  const session = write.insert(sessions).values({
    id,
    userId,
    createdAt: now,
    lastUsedAt: now,
    idleAt: idleAfter(ctx, now, endsAt),
    endsAt,
    ip: ctx.request.ip,
    userAgent: ctx.request.userAgent,
  });
  return {
    id,
    refreshToken,
    steps: [
      { statement: session, expect: 1, as: "sessions.start" },
      await addRefreshToken(id, refreshToken, 1, now),
      ...sweepEnded(now),
    ],
  };
}

/**
 * Exchanges a refresh token for its successor. Of many at once, one wins.
 * @param current hash of the token in hand
 */
export async function rotateRefreshToken(
  ctx: Ctx,
  current: { readonly hash: string; readonly sessionId: string; readonly generation: number },
  session: { readonly endsAt: Date },
  successor: string,
): Promise<readonly Step[]> {
  const now = new Date();
  return [
    {
      statement: write
        .update(refreshTokens)
        .set({ rotatedAt: now })
        .where(and(eq(refreshTokens.hash, current.hash), isNull(refreshTokens.rotatedAt))),
      expect: 1,
      as: "refresh_tokens.rotate",
      otherwise: "refresh-superseded",
    },
    {
      statement: write
        .update(sessions)
        .set({ lastUsedAt: now, idleAt: idleAfter(ctx, now, session.endsAt) })
        .where(and(eq(sessions.id, current.sessionId), isNull(sessions.revokedAt))),
      expect: 1,
      as: "sessions.use",
      otherwise: "invalid-refresh-token",
    },
    await addRefreshToken(current.sessionId, successor, current.generation + 1, now),
  ];
}

/** Ends one session. */
export function endSession(sessionId: string): Step {
  return endSessions(eq(sessions.id, sessionId));
}

/** Ends all sessions of a user, but for one if it is named. */
export function endSessionsOf(userId: string, except?: string): Step {
  const others = except === undefined ? undefined : ne(sessions.id, except);
  return endSessions(and(eq(sessions.userId, userId), others));
}

/** Removes all traces of a user's sessions and devices. */
export function eraseSessionsOf(userId: string): readonly Step[] {
  const own = sql`(SELECT id FROM ${sessions} WHERE user_id = ${userId})`;
  return [
    {
      statement: write.delete(refreshTokens).where(inArray(refreshTokens.sessionId, own)),
      expect: "any",
      as: "refresh_tokens.erase",
    },
    {
      statement: write.delete(sessions).where(eq(sessions.userId, userId)),
      expect: "any",
      as: "sessions.erase",
    },
    forgetDevices(userId),
  ];
}

/** Notes that the user has signed in from a device; the longest unused ones make room. */
export async function rememberDevice(userId: string, token: string): Promise<readonly Step[]> {
  const now = new Date();
  const surplus = sql`(SELECT hash FROM ${devices} WHERE user_id = ${userId}
    ORDER BY last_used_at DESC LIMIT -1 OFFSET ${DEVICES_KEPT})`;
  return [
    {
      statement: write
        .insert(devices)
        .values({ hash: await sha256Hex(token), userId, createdAt: now, lastUsedAt: now })
        .onConflictDoUpdate({ target: devices.hash, set: { lastUsedAt: now } }),
      expect: 1,
      as: "devices.remember",
    },
    {
      statement: write.delete(devices).where(inArray(devices.hash, surplus)),
      expect: "any",
      as: "devices.make_room",
    },
  ];
}

/** Forgets all devices of a user: after a change of password none is trusted for its past. */
export function forgetDevices(userId: string): Step {
  return {
    statement: write.delete(devices).where(eq(devices.userId, userId)),
    expect: "any",
    as: "devices.forget",
  };
}

/** A device that was used within this time is known, in ms: 90 days. */
const DEVICE_KNOWN_MS = 90 * 86_400_000;

/** Whether a device of the statement's `devices` row still counts as known. */
export function isKnownDevice(): SQL {
  return gt(devices.lastUsedAt, new Date(Date.now() - DEVICE_KNOWN_MS));
}

function endSessions(where: SQL | undefined): Step {
  return {
    statement: write
      .update(sessions)
      .set({ revokedAt: new Date() })
      .where(and(isNull(sessions.revokedAt), where)),
    expect: "any",
    as: "sessions.end",
  };
}

async function addRefreshToken(
  sessionId: string,
  token: string,
  generation: number,
  createdAt: Date,
): Promise<Step> {
  const hash = await sha256Hex(token);
  return {
    statement: write.insert(refreshTokens).values({ hash, sessionId, generation, createdAt }),
    expect: 1,
    as: "refresh_tokens.add",
  };
}

function sweepEnded(now: Date): readonly Step[] {
  const ended = sql`(SELECT id FROM ${sessions} WHERE ends_at < ${now.getTime()} LIMIT ${SWEPT})`;
  return [
    {
      statement: write.delete(refreshTokens).where(inArray(refreshTokens.sessionId, ended)),
      expect: "any",
      as: "refresh_tokens.sweep",
    },
    {
      statement: write
        .delete(sessions)
        .where(and(lt(sessions.endsAt, now), inArray(sessions.id, ended))),
      expect: "any",
      as: "sessions.sweep",
    },
  ];
}

function idleAfter(ctx: Ctx, now: Date, endsAt: Date): Date {
  const idle = now.getTime() + ctx.settings.REFRESH_IDLE_SECONDS * 1_000;
  return new Date(Math.min(idle, endsAt.getTime()));
}

import { and, eq, gt, isNull, or, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { signingKeys } from "../../platform/access/access.tables.ts";
import type { CallerReader } from "../../platform/access/authenticate.ts";
import { type RealmDb, realm, requireOwn } from "../../platform/tenancy/index.ts";
import { devices, isKnownDevice, refreshTokens, sessions } from "../sessions/index.ts";
import { EVERYWHERE, signInFailures, users } from "../users/index.ts";

/** Everything that decides about a request, in one statement: realm, session, user and key. */
export const readCaller: CallerReader = async (ctx, hint) => {
  const now = new Date();
  const [row] = await ctx.db.readAndWeigh((reader) =>
    reader
      .select({
        realmId: realm.id,
        realmStatus: realm.status,
        plan: realm.plan,
        limits: realm.limits,
        userId: sql<string | null>`${users.id}`.as("user_id"),
        email: users.email,
        role: users.role,
        publicJwk: signingKeys.publicJwk,
      })
      .from(realm)
      .leftJoin(
        sessions,
        and(eq(sessions.id, hint.sid), isNull(sessions.revokedAt), gt(sessions.idleAt, now)),
      )
      .leftJoin(users, eq(users.id, sessions.userId))
      .leftJoin(
        signingKeys,
        and(
          eq(signingKeys.kid, hint.kid),
          or(isNull(signingKeys.notAfter), gt(signingKeys.notAfter, now)),
        ),
      ),
  );
  const own = requireOwn(ctx.db, row);
  const { realmStatus, plan, limits, userId, email, role, publicJwk } = own;
  const user = userId && email && role ? { id: userId, email, role } : null;
  return { realmStatus, realmPlan: { plan, limits }, user, publicJwk };
};

const network = alias(signInFailures, "network_failures");
const everywhere = alias(signInFailures, "all_failures");

/** What a sign-in needs to know, in one statement, whether or not the e-mail is known. */
export async function readSignIn(
  db: RealmDb,
  attempt: { readonly email: string; readonly network: string; readonly deviceHash: string },
) {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          realmId: realm.id,
          realmStatus: realm.status,
          user: users,
          networkLock: network.lockedUntil,
          everywhereLock: everywhere.lockedUntil,
          device: devices.hash,
        })
        .from(realm)
        .leftJoin(users, eq(users.email, attempt.email))
        .leftJoin(
          network,
          and(eq(network.email, attempt.email), eq(network.network, attempt.network)),
        )
        .leftJoin(
          everywhere,
          and(eq(everywhere.email, attempt.email), eq(everywhere.network, EVERYWHERE)),
        )
        .leftJoin(
          devices,
          and(eq(devices.hash, attempt.deviceHash), eq(devices.userId, users.id), isKnownDevice()),
        ),
    "primary",
  );
  return requireOwn(db, row);
}

/** A refresh token with its session, user and realm, or undefined. */
export async function readRefreshToken(db: RealmDb, hash: string) {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          realmId: realm.id,
          realmStatus: realm.status,
          token: refreshTokens,
          session: sessions,
          user: users,
          newestGeneration: sql<number>`(SELECT max(generation) FROM ${refreshTokens} AS family
            WHERE family.session_id = ${sessions.id})`,
        })
        .from(realm)
        .leftJoin(refreshTokens, eq(refreshTokens.hash, hash))
        .leftJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
        .leftJoin(users, eq(users.id, sessions.userId)),
    "primary",
  );
  const { token, session, user, ...rest } = requireOwn(db, row);
  return token && session && user ? { token, session, user, ...rest } : undefined;
}

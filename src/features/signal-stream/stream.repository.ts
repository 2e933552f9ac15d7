import { and, asc, desc, eq, gt, isNull, sql } from "drizzle-orm";
import type { Standing } from "../../platform/stream/standing.ts";
import { type RealmDb, realm, requireOwn } from "../../platform/tenancy/index.ts";
import { sessions } from "../sessions/index.ts";
import { signalChanges, signals } from "../signals/index.ts";
import { users } from "../users/index.ts";

/** Position of the last change; 0 when there was none. */
export async function readHead(db: RealmDb): Promise<number> {
  const [last] = await db.read(
    (reader) =>
      reader
        .select({ seq: signalChanges.seq })
        .from(signalChanges)
        .orderBy(desc(signalChanges.seq))
        .limit(1),
    "primary",
  );
  return last?.seq ?? 0;
}

/** The first changes after a position, each with its signal as it is now. */
export function readChanges(db: RealmDb, after: number, limit: number) {
  return db.read(
    (reader) =>
      reader
        .select({
          seq: signalChanges.seq,
          change: signalChanges.change,
          occurredAt: signalChanges.occurredAt,
          signal: signals,
        })
        .from(signalChanges)
        .innerJoin(signals, eq(signals.id, signalChanges.signalId))
        .where(gt(signalChanges.seq, after))
        .orderBy(asc(signalChanges.seq))
        .limit(limit),
    "primary",
  );
}

/** Whether the tenant is active, and which of these sessions are alive, with their users' roles. */
export async function readStanding(db: RealmDb, sessionIds: readonly string[]): Promise<Standing> {
  const asked = sql`SELECT value FROM json_each(${JSON.stringify(sessionIds)})`;
  const rows = await db.read(
    (reader) =>
      reader
        .select({
          realmId: realm.id,
          status: realm.status,
          sessionId: sessions.id,
          role: users.role,
        })
        .from(realm)
        .leftJoin(
          sessions,
          and(
            sql`${sessions.id} IN (${asked})`,
            isNull(sessions.revokedAt),
            gt(sessions.idleAt, new Date()),
          ),
        )
        .leftJoin(users, eq(users.id, sessions.userId)),
    "primary",
  );
  const { status } = requireOwn(db, rows[0]);
  const alive = rows.flatMap(({ sessionId, role }) =>
    sessionId && role ? [[sessionId, role] as const] : [],
  );
  return { status, roles: new Map(alive) };
}

import { and, asc, eq, gt, isNull, sql } from "drizzle-orm";
import type { Standing } from "../../platform/stream/standing.ts";
import { type RealmDb, realm, requireOwn } from "../../platform/tenancy/index.ts";
import { sessions } from "../sessions/index.ts";
import { signalChanges, signals } from "../signals/index.ts";
import { users } from "../users/index.ts";

/**
 * Position of the last change that there ever was. From SQLite's own memory of it: rows are deleted
 * when their time is over, and this falls only when the database is restored.
 */
const HEAD = sql<number>`coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'signal_changes'), 0)`;

/** Position of the last change; 0 when there was none. */
export async function readHead(db: RealmDb): Promise<number> {
  const [row] = await db.read(
    (reader) => reader.select({ realmId: realm.id, head: HEAD }).from(realm),
    "primary",
  );
  return requireOwn(db, row).head;
}

/** The first changes after a position, each with its signal as it is now, and the head beside them. */
export async function readChanges(db: RealmDb, after: number, limit: number) {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ realmId: realm.id, head: HEAD, change: signalChanges, signal: signals })
        .from(realm)
        .leftJoin(signalChanges, gt(signalChanges.seq, after))
        .leftJoin(signals, eq(signals.id, signalChanges.signalId))
        // One row, and SQLite is told so: it need not sort.
        .where(eq(realm.singleton, 1))
        .orderBy(asc(signalChanges.seq))
        .limit(limit),
    "primary",
  );
  const { head } = requireOwn(db, rows[0]);
  const changes = rows.flatMap(({ change, signal }) =>
    change && signal ? [{ ...change, signal }] : [],
  );
  return { changes, head };
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

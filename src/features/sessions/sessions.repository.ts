import { and, eq, gt, isNull } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { RealmDb } from "../../platform/tenancy/index.ts";
import { sessions } from "./sessions.tables.ts";

export type SessionRow = typeof sessions.$inferSelect;

/** Living sessions of a user, oldest first. */
export function listSessions(
  db: RealmDb,
  userId: string,
  after: Keyset | null,
  count: number,
): Promise<SessionRow[]> {
  return db.read((reader) =>
    reader
      .select()
      .from(sessions)
      .where(
        and(
          eq(sessions.userId, userId),
          isNull(sessions.revokedAt),
          gt(sessions.idleAt, new Date()),
          after ? gt(sessions.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(sessions.id)
      .limit(count),
  );
}

/** A living session of this user, or undefined. */
export async function findSession(
  db: RealmDb,
  userId: string,
  id: string,
): Promise<SessionRow | undefined> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select()
        .from(sessions)
        .where(and(eq(sessions.id, id), eq(sessions.userId, userId), isNull(sessions.revokedAt))),
    "primary",
  );
  return row;
}

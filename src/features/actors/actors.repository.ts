import { and, eq, gt, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { actors } from "./actors.tables.ts";

export type ActorRow = typeof actors.$inferSelect;

export interface ActorFilters {
  readonly type?: ActorRow["type"] | undefined;
  readonly active?: boolean | undefined;
}

/** Actors, the oldest first. */
export function listActors(
  db: RealmDb,
  { type, active }: ActorFilters,
  after: Keyset | null,
  count: number,
): Promise<ActorRow[]> {
  return db.read((reader) =>
    reader
      .select()
      .from(actors)
      .where(
        and(
          type === undefined ? undefined : eq(actors.type, type),
          active === undefined ? undefined : eq(actors.active, active),
          after ? gt(actors.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(actors.id)
      .limit(count),
  );
}

export async function findActor(
  db: RealmDb,
  id: string,
  from?: "primary",
): Promise<ActorRow | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(actors).where(eq(actors.id, id)),
    from,
  );
  return row;
}

/** Which of these there are, and whether each is active: from the primary, since it decides. */
export async function findActivity(
  db: RealmDb,
  ids: readonly string[],
): Promise<ReadonlyMap<string, boolean>> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ id: actors.id, active: actors.active })
        .from(actors)
        .where(sql`${actors.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`),
    "primary",
  );
  return new Map(rows.map(({ id, active }) => [id, active]));
}

export function insertActor(row: ActorRow): Step {
  return { statement: write.insert(actors).values(row), expect: 1, as: "actors.insert" };
}

/** Changes one version of an actor. */
export function updateActor(
  id: string,
  fromVersion: number,
  changes: Pick<ActorRow, "type" | "name" | "active" | "updatedAt" | "version">,
  otherwise: ProblemCode,
): Step {
  return {
    statement: write
      .update(actors)
      .set(changes)
      .where(and(eq(actors.id, id), eq(actors.version, fromVersion))),
    expect: 1,
    as: "actors.update",
    otherwise,
  };
}

export function deleteActor(id: string, fromVersion: number, otherwise: ProblemCode): Step {
  return {
    statement: write.delete(actors).where(and(eq(actors.id, id), eq(actors.version, fromVersion))),
    expect: 1,
    as: "actors.delete",
    otherwise,
  };
}

/**
 * No event may name the actor: otherwise the commit fails with `actor-in-use`. Events know actors,
 * not the other way round, so their table is named here by its name alone.
 */
export function requireUnused(id: string): Step {
  return {
    require: sql`NOT EXISTS (SELECT 1 FROM events WHERE actor_id = ${id})`,
    as: "actors.unused",
    otherwise: "actor-in-use",
  };
}

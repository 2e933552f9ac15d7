import { and, asc, eq, gt, inArray, isNull, type SQL, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { destinationSecrets, destinations } from "./destinations.tables.ts";

export type DestinationRow = typeof destinations.$inferSelect;
export type SecretRow = typeof destinationSecrets.$inferSelect;

/** A destination with all its secrets, the newest first. */
export interface DestinationView extends DestinationRow {
  readonly secrets: readonly SecretRow[];
}

/** So many destinations a tenant may have: each event is matched with all of them. */
export const MOST_DESTINATIONS = 50;

/** Destinations, the oldest first. */
export function listDestinations(
  db: RealmDb,
  after: Keyset | null,
  count: number,
): Promise<DestinationView[]> {
  return select(db, after ? gt(destinations.id, String(after[0])) : undefined, count);
}

export async function findDestination(
  db: RealmDb,
  id: string,
  from?: "primary",
): Promise<DestinationView | undefined> {
  const [view] = await select(db, eq(destinations.id, id), 1, from);
  return view;
}

/** Destinations and their secrets, which are few, in one trip. */
async function select(
  db: RealmDb,
  where: SQL | undefined,
  count: number,
  from?: "primary",
): Promise<DestinationView[]> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ destination: destinations, secrets: SECRETS })
        .from(destinations)
        .where(and(isNull(destinations.deletedAt), where))
        .orderBy(asc(destinations.id))
        .limit(count),
    from,
  );
  return rows.map(({ destination, secrets }) => ({
    ...destination,
    secrets: readSecrets(destination.id, secrets),
  }));
}

/** Of a destination in the same select, as one value: the newest first. */
export const SECRETS = sql<string>`(SELECT json_group_array(json_array(id, sealed, created_at,
    expires_at))
  FROM (SELECT * FROM ${destinationSecrets} WHERE destination_id = "destinations"."id"
    ORDER BY created_at DESC, id DESC))`;

type SecretTuple = [id: string, sealed: string, createdAt: number, expiresAt: number | null];

export function readSecrets(destinationId: string, json: string): SecretRow[] {
  return (JSON.parse(json) as SecretTuple[]).map(([id, sealed, createdAt, expiresAt]) => ({
    id,
    destinationId,
    sealed,
    createdAt: new Date(createdAt),
    expiresAt: expiresAt === null ? null : new Date(expiresAt),
  }));
}

export function insertDestination(row: DestinationRow): Step {
  return {
    statement: write.insert(destinations).values(row),
    expect: 1,
    as: "destinations.insert",
  };
}

/** Fails with `validation-failed` when there are more than so many. */
export function atMost(count: number): Step {
  return {
    require: sql`(SELECT count(*) FROM ${destinations} WHERE deleted_at IS NULL) <= ${count}`,
    as: "destinations.count",
    otherwise: "validation-failed",
  };
}

export function updateDestination(
  id: string,
  fromVersion: number,
  changes: Partial<DestinationRow>,
  otherwise: ProblemCode,
): Step {
  return {
    statement: write
      .update(destinations)
      .set(changes)
      .where(
        and(
          eq(destinations.id, id),
          eq(destinations.version, fromVersion),
          isNull(destinations.deletedAt),
        ),
      ),
    expect: 1,
    as: "destinations.update",
    otherwise,
  };
}

export function insertSecret({ id, destinationId, sealed, createdAt, expiresAt }: SecretRow): Step {
  return {
    statement: write
      .insert(destinationSecrets)
      .values({ id, destinationId, sealed, createdAt, expiresAt }),
    expect: 1,
    as: "destination_secrets.insert",
  };
}

/** Lets a secret sign until then. */
export function expireSecret(id: string, at: Date): Step {
  return {
    statement: write
      .update(destinationSecrets)
      .set({ expiresAt: at })
      .where(eq(destinationSecrets.id, id)),
    expect: 1,
    as: "destination_secrets.expire",
    otherwise: "conflict",
  };
}

export function deleteSecrets(ids: readonly string[]): Step {
  return {
    statement: write.delete(destinationSecrets).where(inArray(destinationSecrets.id, [...ids])),
    expect: "any",
    as: "destination_secrets.delete",
  };
}

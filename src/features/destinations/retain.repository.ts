import { and, eq, isNotNull, lte, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import {
  deliveries,
  deliveryAttempts,
  destinationSecrets,
  destinations,
} from "./destinations.tables.ts";

/** What has been kept long enough; of each kind, at most so many. */
export interface Old {
  /** Deliveries that ended long ago, and those of deleted destinations. */
  readonly ended: readonly string[];
  readonly orphaned: readonly string[];
  /** Deleted destinations, whether or not they have left something behind. */
  readonly deleted: readonly string[];
  readonly secrets: readonly string[];
}

/** Looks for all that is too old, in one read. */
export async function findOld(db: RealmDb, before: Date, now: Date, most: number): Promise<Old> {
  const kinds = [
    sql`SELECT 'ended' AS kind, id FROM (SELECT id FROM ${deliveries}
      WHERE ended_at < ${before.getTime()} LIMIT ${most})`,
    sql`SELECT 'orphaned', id FROM (SELECT waiting.id FROM ${destinations} AS place
      CROSS JOIN ${deliveries} AS waiting ON waiting.destination_id = place.id
      WHERE place.deleted_at IS NOT NULL LIMIT ${most})`,
    sql`SELECT 'deleted', id FROM ${destinations} WHERE deleted_at IS NOT NULL`,
    sql`SELECT 'secrets', id FROM (SELECT id FROM ${destinationSecrets}
      WHERE expires_at <= ${now.getTime()} LIMIT ${most})`,
  ];
  const rows = await db.read(
    (reader) =>
      reader
        .select({ kind: sql<keyof Old>`kind`, id: sql<string>`id` })
        .from(sql`(${sql.join(kinds, sql` UNION ALL `)})`),
    "primary",
  );
  const of = (wanted: keyof Old) => rows.flatMap(({ kind, id }) => (kind === wanted ? [id] : []));
  return {
    ended: of("ended"),
    orphaned: of("orphaned"),
    deleted: of("deleted"),
    secrets: of("secrets"),
  };
}

/** Forgets deliveries and their attempts; one that was sent anew meanwhile is spared. */
export function forgetDeliveries(ids: readonly string[], before: Date): Step[] {
  const list = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`;
  const isOrphan = sql`EXISTS (SELECT 1 FROM ${destinations} AS place
    WHERE place.id = destination_id AND place.deleted_at IS NOT NULL)`;
  return [
    {
      statement: write
        .delete(deliveries)
        .where(
          sql`${deliveries.id} IN ${list} AND (ended_at < ${before.getTime()} OR ${isOrphan})`,
        ),
      expect: "any",
      as: "deliveries.forget",
    },
    {
      statement: write.delete(deliveryAttempts).where(
        sql`${deliveryAttempts.deliveryId} IN ${list} AND NOT EXISTS (
          SELECT 1 FROM ${deliveries} AS kept WHERE kept.id = ${deliveryAttempts.deliveryId})`,
      ),
      expect: "any",
      as: "delivery_attempts.forget",
    },
  ];
}

/** Forgets a deleted destination, once it has left nothing behind. */
export function forgetDestination(id: string): Step {
  return {
    statement: write
      .delete(destinations)
      .where(
        and(
          eq(destinations.id, id),
          isNotNull(destinations.deletedAt),
          sql`NOT EXISTS (SELECT 1 FROM ${deliveries} AS left_over WHERE left_over.destination_id = ${id})`,
        ),
      ),
    expect: "any",
    as: "destinations.forget",
  };
}

export function forgetSecret(id: string, now: Date): Step {
  return {
    statement: write
      .delete(destinationSecrets)
      .where(and(eq(destinationSecrets.id, id), lte(destinationSecrets.expiresAt, now))),
    expect: "any",
    as: `destination_secrets.forget.${id}`,
  };
}

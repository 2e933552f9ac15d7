import { and, eq, gt, isNull, lt, sql } from "drizzle-orm";
import {
  type ControlDb,
  type RealmDb,
  realm,
  type Step,
  tenants,
  write,
} from "../../platform/tenancy/index.ts";
import { invitations, registrationCounts } from "./registration.tables.ts";

export async function slugExists(db: ControlDb, slug: string): Promise<boolean> {
  const rows = await db.read((reader) =>
    reader.select({ id: tenants.id }).from(tenants).where(eq(tenants.slug, slug)),
  );
  return rows.length > 0;
}

/** Counts a registration of today; over the cap the whole commit is rolled back. */
export function countRegistration(day: string, source: string, cap: number, as: string): Step {
  const row = registrationCounts;
  return {
    statement: write
      .insert(row)
      .select(sql`SELECT ${day}, ${source}, 1 WHERE ${cap} > 0`)
      .onConflictDoUpdate({
        target: [row.day, row.source],
        set: { count: sql`${row.count} + 1` },
        setWhere: lt(row.count, cap),
      }),
    expect: 1,
    as: `registration_counts.${as}`,
    otherwise: "registration-limit",
  };
}

/** Whether the database says that it is this realm's. */
export async function isRealmOf(db: RealmDb, id: string): Promise<boolean> {
  const rows = await db.read(
    (reader) => reader.select({ id: realm.id }).from(realm).where(eq(realm.id, id)),
    "primary",
  );
  return rows.length > 0;
}

/** The row that says whose database it is. A second one is refused. */
export function insertRealm(id: string, name: string): Step {
  const now = new Date();
  return {
    statement: write
      .insert(realm)
      .values({ id, name, status: "active", createdAt: now, updatedAt: now, version: 1 }),
    expect: 1,
    as: "realm.insert",
    taken: { "realm.id": "conflict" },
  };
}

/** Counts of days past serve nobody. */
export function sweepCounts(today: string): Step {
  return {
    statement: write.delete(registrationCounts).where(lt(registrationCounts.day, today)),
    expect: "any",
    as: "registration_counts.sweep",
  };
}

export function insertInvitation(row: typeof invitations.$inferInsert): Step {
  return { statement: write.insert(invitations).values(row), expect: 1, as: "invitations.insert" };
}

/** Spends an invitation; each works once. */
export function useInvitation(hash: string, tenantId: string): Step {
  const now = new Date();
  return {
    statement: write
      .update(invitations)
      .set({ usedAt: now, tenantId })
      .where(
        and(eq(invitations.hash, hash), isNull(invitations.usedAt), gt(invitations.expiresAt, now)),
      ),
    expect: 1,
    as: "invitations.use",
    otherwise: "invalid-invitation",
  };
}

import { and, eq, gt, isNull, lt, sql } from "drizzle-orm";
import type { RealmPlan } from "../../platform/limits/plans.ts";
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

/** What a registration is judged by before it costs a hash. */
export interface Admission {
  readonly day: string;
  /** Fingerprint of the caller's network, and the name under which all are counted. */
  readonly source: string;
  readonly everybody: string;
  /** Hash of the invitation; null when none was shown. */
  readonly invitation: string | null;
  readonly slug: string;
}

/** How things stand, read in one statement. The commit judges again. */
export async function readAdmission(db: ControlDb, asked: Admission) {
  const countOf = (source: string) => sql<number>`coalesce((
    SELECT ${registrationCounts.count} FROM ${registrationCounts}
    WHERE ${registrationCounts.day} = ${asked.day} AND ${registrationCounts.source} = ${source}
  ), 0)`;
  const [row] = await db.read((reader) =>
    reader
      .select({
        ofSource: countOf(asked.source),
        ofAll: countOf(asked.everybody),
        invited: sql<number>`EXISTS (SELECT 1 FROM ${invitations}
          WHERE ${usable(asked.invitation ?? "", new Date())})`,
        slugTaken: sql<number>`EXISTS (SELECT 1 FROM ${tenants}
          WHERE ${tenants.slug} = ${asked.slug})`,
      })
      .from(sql`(SELECT 1)`),
  );
  if (!row) throw new Error("A select without a condition gave no row.");
  return row;
}

/** The invitation of this hash, while it can be used. */
function usable(hash: string, now: Date) {
  return and(
    eq(invitations.hash, hash),
    isNull(invitations.usedAt),
    gt(invitations.expiresAt, now),
  );
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
export function insertRealm(id: string, name: string, { plan, limits }: RealmPlan): Step {
  const now = new Date();
  return {
    statement: write.insert(realm).values({
      id,
      name,
      status: "active",
      plan,
      limits,
      createdAt: now,
      updatedAt: now,
      version: 1,
    }),
    expect: 1,
    as: "realm.insert",
    taken: { "realm.id": "conflict", "realm.singleton": "conflict" },
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
    statement: write.update(invitations).set({ usedAt: now, tenantId }).where(usable(hash, now)),
    expect: 1,
    as: "invitations.use",
    otherwise: "invalid-invitation",
  };
}

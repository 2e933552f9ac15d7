import { and, eq, gt } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import {
  type ControlDb,
  type RealmDb,
  realm,
  type Step,
  type TenantState,
  tenants,
  write,
} from "../../platform/tenancy/index.ts";

export type TenantRow = typeof tenants.$inferSelect;
export type RealmRow = typeof realm.$inferSelect;

export function listTenants(
  db: ControlDb,
  filters: { readonly state?: TenantState | undefined; readonly slug?: string | undefined },
  after: Keyset | null,
  count: number,
): Promise<TenantRow[]> {
  return db.read((reader) =>
    reader
      .select()
      .from(tenants)
      .where(
        and(
          filters.state ? eq(tenants.state, filters.state) : undefined,
          filters.slug === undefined ? undefined : eq(tenants.slug, filters.slug),
          after ? gt(tenants.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(tenants.id)
      .limit(count),
  );
}

export async function findTenant(
  db: ControlDb,
  id: string,
  from?: "primary",
): Promise<TenantRow | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(tenants).where(eq(tenants.id, id)),
    from,
  );
  return row;
}

export function updateTenant(
  id: string,
  fromVersion: number,
  changes: Partial<TenantRow>,
  otherwise: ProblemCode,
): Step {
  return {
    statement: write
      .update(tenants)
      .set(changes)
      .where(and(eq(tenants.id, id), eq(tenants.version, fromVersion))),
    expect: 1,
    as: "tenants.update",
    otherwise,
  };
}

export async function readRealm(db: RealmDb, from?: "primary"): Promise<RealmRow> {
  const [row] = await db.read(
    (reader) => reader.select().from(realm).where(eq(realm.id, db.realmId)),
    from,
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm row.`);
  return row;
}

export function updateRealm(
  fromVersion: number,
  changes: Partial<RealmRow>,
  otherwise: ProblemCode,
): Step {
  return {
    statement: write.update(realm).set(changes).where(eq(realm.version, fromVersion)),
    expect: 1,
    as: "realm.update",
    otherwise,
  };
}

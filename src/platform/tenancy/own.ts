import type { RealmDb } from "./database.ts";

/**
 * What was read together with the id in the database's own realm row.
 * @throws Error when the database is another realm's, or nobody's: the registry is wrong
 */
export function requireOwn<T extends { readonly realmId: string }>(
  db: RealmDb,
  row: T | undefined,
): T {
  if (row?.realmId === db.realmId) return row;
  throw new Error(`The database of ${db.realmId} says that it is ${row?.realmId ?? "nobody"}'s.`);
}

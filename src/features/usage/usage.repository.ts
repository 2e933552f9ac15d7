import { sql } from "drizzle-orm";
import { type RealmDb, realm, requireOwn } from "../../platform/tenancy/index.ts";
import { services } from "../services/index.ts";
import { users } from "../users/index.ts";

/** What there is of all that is counted by itself, and on what plan the tenant is. */
export async function readHoldings(db: RealmDb) {
  const [row] = await db.readAndWeigh((reader) =>
    reader
      .select({
        realmId: realm.id,
        plan: realm.plan,
        limits: realm.limits,
        users: sql<number>`(SELECT count(*) FROM ${users})`.as("users"),
        services: sql<number>`(SELECT count(*) FROM ${services})`.as("services"),
      })
      .from(realm),
  );
  return requireOwn(db, row);
}

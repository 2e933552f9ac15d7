import { desc, eq } from "drizzle-orm";
import type { RealmPlan } from "../../platform/limits/plans.ts";
import { type RealmDb, realm, requireOwn } from "../../platform/tenancy/index.ts";
import type { ServiceView } from "./services.repository.ts";
import { serviceSecrets, services } from "./services.tables.ts";

/** A service with its live secrets, the newest first, and what the tenant may use. */
export interface ServiceAndPlan {
  readonly row: ServiceView;
  readonly plan: RealmPlan;
}

/**
 * Reads in one statement, from the primary, what deciding about a delivery or a call takes.
 * @throws Error when the database is another realm's: that there is no such service would be a lie
 */
export async function findServiceAndPlan(
  db: RealmDb,
  slug: string,
): Promise<ServiceAndPlan | undefined> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({
          realmId: realm.id,
          service: services,
          secret: serviceSecrets,
          plan: realm.plan,
          limits: realm.limits,
        })
        .from(realm)
        .leftJoin(services, eq(services.slug, slug))
        .leftJoin(serviceSecrets, eq(serviceSecrets.serviceId, services.id))
        .orderBy(desc(serviceSecrets.id)),
    "primary",
  );
  const { service, plan, limits } = requireOwn(db, rows[0]);
  if (!service) return undefined;
  const secrets = rows.flatMap(({ secret }) => secret ?? []);
  return { row: { ...service, secrets }, plan: { plan, limits } };
}

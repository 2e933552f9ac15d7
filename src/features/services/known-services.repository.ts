import { desc, eq } from "drizzle-orm";
import type { RealmPlan } from "../../platform/limits/plans.ts";
import { type RealmDb, realm } from "../../platform/tenancy/index.ts";
import type { ServiceView } from "./services.repository.ts";
import { serviceSecrets, services } from "./services.tables.ts";

/** A service with its live secrets, the newest first, and what the tenant may use. */
export interface ServiceAndPlan {
  readonly row: ServiceView;
  readonly plan: RealmPlan;
}

/** Reads in one statement, from the primary, what deciding about a delivery or a call takes. */
export async function findServiceAndPlan(
  db: RealmDb,
  slug: string,
): Promise<ServiceAndPlan | undefined> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({
          service: services,
          secret: serviceSecrets,
          plan: realm.plan,
          limits: realm.limits,
        })
        .from(services)
        .innerJoin(realm, eq(realm.id, db.realmId))
        .leftJoin(serviceSecrets, eq(serviceSecrets.serviceId, services.id))
        .where(eq(services.slug, slug))
        .orderBy(desc(serviceSecrets.id)),
    "primary",
  );
  const [first] = rows;
  if (!first) return undefined;
  const secrets = rows.flatMap(({ secret }) => secret ?? []);
  return {
    row: { ...first.service, secrets },
    plan: { plan: first.plan, limits: first.limits },
  };
}

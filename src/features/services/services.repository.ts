import { and, asc, eq, gt, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import type { BreakerMode } from "../../platform/breaker/index.ts";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import type { CountedQuota } from "../../platform/quotas/counted.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { serviceSecrets, services } from "./services.tables.ts";

export type ServiceRow = typeof services.$inferSelect;
export type SecretRow = typeof serviceSecrets.$inferSelect;

/** A service with its live secrets, the newest first. */
export interface ServiceView extends ServiceRow {
  readonly secrets: readonly SecretRow[];
}

export type ServiceChange = Pick<
  ServiceRow,
  "name" | "webhook" | "api" | "apiCredential" | "apiCredentialId" | "updatedAt" | "version"
> & {
  /** Whether its circuit breaker begins anew, whatever was ordered of it. */
  readonly resetsBreaker: boolean;
};

/** Services by slug, which never changes. */
export function listServices(
  db: RealmDb,
  after: Keyset | null,
  count: number,
): Promise<ServiceView[]> {
  return select(db, after ? gt(services.slug, String(after[0])) : undefined, count);
}

export async function findService(
  db: RealmDb,
  slug: string,
  from?: "primary",
): Promise<ServiceView | undefined> {
  const [view] = await select(db, eq(services.slug, slug), 1, { from });
  return view;
}

/** Services that are called, by slug, after so many others. */
export function listApiServices(db: RealmDb, count: number, after: number): Promise<ServiceView[]> {
  return select(db, isNotNull(services.api), count, { after });
}

/** How many a plan allows. */
export const SERVICE_QUOTA: CountedQuota = { name: "services", table: services };

export function insertService(row: ServiceRow): Step {
  return {
    statement: write.insert(services).values(row),
    expect: 1,
    as: "services.insert",
    taken: { "services.slug": "slug-taken" },
  };
}

export function updateService(
  id: string,
  fromVersion: number,
  { resetsBreaker, ...changes }: ServiceChange,
  otherwise: ProblemCode,
): Step {
  const breakerVersion = sql`${services.breakerVersion} + 1`;
  const reset = resetsBreaker ? ({ breakerMode: "automatic", breakerVersion } as const) : {};
  return {
    statement: write
      .update(services)
      .set({ ...changes, ...reset })
      .where(and(eq(services.id, id), eq(services.version, fromVersion))),
    expect: 1,
    as: "services.update",
    otherwise,
  };
}

/** Orders something of a service's circuit breaker, if nobody else has since `fromVersion`. */
export function orderBreaker(id: string, fromVersion: number, mode: BreakerMode): Step {
  return {
    statement: write
      .update(services)
      .set({ breakerMode: mode, breakerVersion: fromVersion + 1 })
      .where(
        and(eq(services.id, id), eq(services.breakerVersion, fromVersion), isNotNull(services.api)),
      ),
    expect: 1,
    as: "services.breaker",
  };
}

export function deleteService(id: string, fromVersion: number, otherwise: ProblemCode): Step {
  return {
    statement: write
      .delete(services)
      .where(and(eq(services.id, id), eq(services.version, fromVersion))),
    expect: 1,
    as: "services.delete",
    otherwise,
  };
}

export function insertSecret({ id, serviceId, sealed, createdAt }: SecretRow): Step {
  return {
    statement: write.insert(serviceSecrets).values({ id, serviceId, sealed, createdAt }),
    expect: 1,
    as: "secrets.insert",
  };
}

export function deleteSecrets(ids: readonly string[]): Step {
  return {
    statement: write.delete(serviceSecrets).where(inArray(serviceSecrets.id, [...ids])),
    expect: "any",
    as: "secrets.delete",
  };
}

/** Services and their secrets, which are two at most, in one trip. */
async function select(
  db: RealmDb,
  where: SQL | undefined,
  count: number,
  { after = 0, from }: { readonly after?: number; readonly from?: "primary" | undefined } = {},
): Promise<ServiceView[]> {
  const rows = await db.read((reader) => {
    const page = reader
      .select()
      .from(services)
      .where(where)
      .orderBy(asc(services.slug))
      .limit(count)
      .offset(after)
      .as("page");
    return reader
      .select({
        id: page.id,
        slug: page.slug,
        name: page.name,
        webhook: page.webhook,
        api: page.api,
        apiCredential: page.apiCredential,
        apiCredentialId: page.apiCredentialId,
        breakerMode: page.breakerMode,
        breakerVersion: page.breakerVersion,
        createdAt: page.createdAt,
        updatedAt: page.updatedAt,
        version: page.version,
        secret: serviceSecrets,
      })
      .from(page)
      .leftJoin(serviceSecrets, eq(serviceSecrets.serviceId, page.id))
      .orderBy(asc(page.slug), asc(serviceSecrets.id));
  }, from);
  const views = new Map<string, ServiceView>();
  for (const { secret, ...row } of rows) {
    const secrets = views.get(row.id)?.secrets ?? [];
    views.set(row.id, { ...row, secrets: secret ? [secret, ...secrets] : secrets });
  }
  return [...views.values()];
}

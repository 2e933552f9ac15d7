import { eq } from "drizzle-orm";
import { createLru } from "../lru.ts";
import { errorFields, type Logger } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import type { ControlDb } from "./database.ts";
import { type TenantState, tenants } from "./registry.tables.ts";

/** What the registry says of a tenant: enough to find its database. */
export interface TenantRoute {
  readonly id: string;
  readonly slug: string;
  readonly cell: string;
  readonly binding: string;
  readonly state: TenantState;
  readonly schemaVersion: number;
}

/** How long a route is used without asking, and while the control database is silent, in ms. */
const FRESH_MS = 60_000;
const STALE_MS = 600_000;
/** An unknown host, or a tenant on its way, is asked for again soon. */
const BRIEF_MS = 2_000;
/** Routes kept per isolate, a few hundred bytes each. */
const KEPT = 10_000;

interface Known {
  readonly route: TenantRoute | null;
  readonly at: number;
}

/** A cache, never the truth: one per isolate. */
const known = createLru<Known>(KEPT);

/**
 * Finds a tenant by slug. The registry is asked at most once a minute per isolate and tenant, and
 * when it is silent, what is known serves ten minutes on.
 * @returns null when there is none, or it has left
 * @throws Failure `database-unavailable` when nothing is known and the registry is silent
 */
export async function findRoute(
  control: ControlDb,
  slug: string,
  log: Logger,
): Promise<TenantRoute | null> {
  const seen = known.get(slug);
  const age = seen ? Date.now() - seen.at : Number.POSITIVE_INFINITY;
  const settled = seen?.route?.state === "active" || seen?.route?.state === "suspended";
  if (seen && age < (settled ? FRESH_MS : BRIEF_MS)) return seen.route;
  try {
    const route = await lookUp(control, slug);
    known.set(slug, { route, at: Date.now() });
    return route;
  } catch (error) {
    if (!(error instanceof Failure) || !seen?.route || age >= STALE_MS) throw error;
    log.warn("control database silent, stale route used", { slug, age, ...errorFields(error) });
    return seen.route;
  }
}

/** Drops what this isolate knows of a tenant, after a change that it made itself. */
export function forgetRoute(slug: string): void {
  known.delete(slug);
}

async function lookUp(control: ControlDb, slug: string): Promise<TenantRoute | null> {
  const [row] = await control.read((reader) =>
    reader
      .select({
        id: tenants.id,
        slug: tenants.slug,
        cell: tenants.cell,
        binding: tenants.binding,
        state: tenants.state,
        schemaVersion: tenants.schemaVersion,
      })
      .from(tenants)
      .where(eq(tenants.slug, slug)),
  );
  return row && row.state !== "deactivated" ? row : null;
}

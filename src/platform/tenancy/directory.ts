import { eq } from "drizzle-orm";
import { inTime } from "../in-time.ts";
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
/** An unknown host, or a tenant on its way, is asked for again soon; so is a silent registry. */
const BRIEF_MS = 2_000;
/** How long a request whose tenant is known waits for the registry, in ms. */
const CONTROL_TIMEOUT_MS = 1_000;
/** How long a request waits for the registry when nothing else can tell it where to go, in ms. */
const COLD_TIMEOUT_MS = 5_000;
/** Routes kept per isolate, a few hundred bytes each. */
const KEPT = 10_000;
/** Unknown hosts kept per isolate. Anybody can make up any number of them. */
const STRANGERS_KEPT = 1_000;
/** Slugs of which nothing is known that the registry is asked for at a time. */
const COLD_AT_ONCE = 100;

/** Behind their doors is nobody any more. */
const LEFT: readonly TenantState[] = ["deactivated", "purging", "purged"];

interface Known {
  readonly route: TenantRoute;
  readonly at: number;
  /** Until when the registry is not asked again: somebody is asking it, or it was silent. */
  readonly quietUntil: number;
}

/** A cache, never the truth: one per isolate. */
const known = createLru<Known>(KEPT);
/** When the registry said that there is no such tenant; apart, so that they drive no tenant out. */
const strangers = createLru<number>(STRANGERS_KEPT);

/**
 * Slugs of which nothing is known and that are being looked up, with the time at which that is over at
 * the latest: a request that is cut off never says so.
 */
const cold = new Map<string, number>();

/** Counts what was forgotten: a look-up that began before may bring back what was true then. */
let forgotten = 0;

/**
 * Finds a tenant by slug. The registry is asked at most once a minute per isolate and tenant, by one
 * request, while others go on with what is known; when it is silent, that serves ten minutes on.
 * Who is known waits behind no flood of made-up names, and nobody is refused for the address that he
 * shares with one: only what is not known is looked up for a few at a time.
 * @returns null when there is none, or it has left
 * @throws Failure when nothing is known: `database-unavailable` if the registry is silent,
 * `overloaded` if too many others are being looked up
 */
export async function findRoute(
  control: ControlDb,
  slug: string,
  log: Logger,
): Promise<TenantRoute | null> {
  const seen = known.get(slug);
  const age = seen ? Date.now() - seen.at : Number.POSITIVE_INFINITY;
  const settled = seen?.route.state === "active" || seen?.route.state === "suspended";
  if (seen && age < (settled ? FRESH_MS : BRIEF_MS)) return seen.route;
  if (!seen && Date.now() - (strangers.get(slug) ?? Number.NEGATIVE_INFINITY) < BRIEF_MS)
    return null;
  const stale = seen && age < STALE_MS ? seen : null;
  if (stale && Date.now() < stale.quietUntil) return stale.route;
  if (!stale) takeColdPlace(slug);
  const before = forgotten;
  // Set before asking, so that one asks. Should that request be cut off, another asks soon.
  if (stale) beQuiet(slug, stale);
  try {
    const limit = stale ? CONTROL_TIMEOUT_MS : COLD_TIMEOUT_MS;
    const route = await inTime(lookUp(control, slug), limit, silent);
    if (forgotten === before) remember(slug, route);
    return route;
  } catch (error) {
    if (!(error instanceof Failure) || !stale) throw error;
    log.warn("control database silent, stale route used", { slug, age, ...errorFields(error) });
    if (forgotten === before) beQuiet(slug, stale);
    return stale.route;
  } finally {
    if (!stale) cold.delete(slug);
  }
}

/** Slugs count, not requests: the first of a busy tenant may come in a crowd. */
function takeColdPlace(slug: string): void {
  const now = Date.now();
  for (const [other, until] of cold) if (until <= now) cold.delete(other);
  if (!cold.has(slug) && cold.size >= COLD_AT_ONCE) {
    throw new Failure("overloaded", "Too many tenants are being looked up.");
  }
  cold.set(slug, now + COLD_TIMEOUT_MS);
}

function remember(slug: string, route: TenantRoute | null): void {
  drop(slug);
  if (route) known.set(slug, { route, at: Date.now(), quietUntil: 0 });
  else strangers.set(slug, Date.now());
}

function beQuiet(slug: string, stale: Known): void {
  known.set(slug, { ...stale, quietUntil: Date.now() + BRIEF_MS });
}

function drop(slug: string): void {
  known.delete(slug);
  strangers.delete(slug);
}

/** Drops what this isolate knows of a tenant, after a change that it made itself. */
export function forgetRoute(slug: string): void {
  forgotten += 1;
  drop(slug);
}

const silent = () => new Failure("database-unavailable");

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
  return row && !LEFT.includes(row.state) ? row : null;
}

import type { Bindings, Settings } from "../../env.ts";
import type { Ctx, PlatformCtx, Realm, RequestFacts, TenantCtx } from "../context.ts";
import type { Queues } from "../jobs/queues.ts";
import type { MetLimits } from "../limits/headers.ts";
import type { Objects } from "../objects.ts";
import type { Logger } from "../observe/logger.ts";
import type { Meter } from "../observe/meter.ts";
import { readBookmark } from "./bookmarks.ts";
import { type ControlDb, open, type TenantDb } from "./database.ts";
import type { TenantRoute } from "./directory.ts";
import { tenantOrigin } from "./host.ts";
import { poolDatabase } from "./pool.ts";

declare const tenancyBrand: unique symbol;

/** The realms within reach of one request. What is behind it stays inside `platform/tenancy`. */
export interface Tenancy {
  readonly [tenancyBrand]: true;
}

export interface TenancyOptions {
  readonly env: Bindings;
  readonly settings: Settings;
  readonly log: Logger;
  readonly meter: Meter;
  readonly queues: Queues;
  readonly objects: Objects;
  /** Whether replicas may answer: the request only reads. */
  readonly readOnly: boolean;
  /** The client's `x-d1-bookmark`. */
  readonly bookmark: string | null;
}

interface Internals extends TenancyOptions {
  readonly control: ControlDb;
}

const internals = new WeakMap<Tenancy, Internals>();

/** Id of the platform's own realm. */
export const PLATFORM = "platform";

/** For `platform/tenancy` alone. */
export function internalsOf(tenancy: Tenancy): Internals {
  const found = internals.get(tenancy);
  if (!found) throw new Error("Not a tenancy that createTenancy made.");
  return found;
}

/** Opens the control database for one request or job. */
export function openControl(
  { CONTROL_DB }: Pick<Bindings, "CONTROL_DB">,
  { log, meter }: Pick<TenancyOptions, "log" | "meter">,
): ControlDb {
  return open<ControlDb>({
    realmId: PLATFORM,
    // Its migrations are applied before the code that needs them is deployed.
    schemaVersion: Number.POSITIVE_INFINITY,
    binding: CONTROL_DB,
    log,
    meter,
    trips: "controlTrips",
    start: "first-primary",
  });
}

/** Opens the way to all realms for one request or job. */
export function createTenancy(options: TenancyOptions): Tenancy {
  const tenancy = {} as Tenancy;
  internals.set(tenancy, { ...options, control: openControl(options.env, options) });
  return tenancy;
}

/** The parts of a context that do not depend on the realm, and from which one the caller comes. */
export type RequestScope = Pick<
  Ctx,
  "settings" | "tenancy" | "queues" | "objects" | "metLimits" | "principal" | "request" | "log"
> &
  Partial<Pick<Ctx, "realm" | "visitorFrom">>;

/** A scope for a job: no caller, no request. */
export function jobScope(tenancy: Tenancy, name: string, requestId: string): RequestScope {
  const { settings, queues, objects, log } = internalsOf(tenancy);
  const request: RequestFacts = { id: requestId, ip: "", userAgent: "" };
  const metLimits: MetLimits = new Map();
  const principal = { kind: "job", name } as const;
  return { settings, tenancy, queues, objects, metLimits, principal, request, log };
}

/** The scope, in the platform's own realm. A claim on an answer belongs to another realm's commit. */
export function platformCtx(scope: RequestScope): PlatformCtx {
  const { control, settings } = internalsOf(scope.tenancy);
  const realm: Realm = { id: PLATFORM, slug: null, origin: settings.BASE_URL.origin };
  return { ...carried(scope, PLATFORM), settings, realm, db: control };
}

/** What a context of this realm takes over from its scope. */
function carried(scope: RequestScope, realmId: string) {
  const { tenancy, queues, objects, metLimits, principal, request, log } = scope;
  const visitor = visitorOf(scope, realmId);
  return { tenancy, queues, objects, metLimits, principal, request, ...visitor, log };
}

/** Where the caller is signed in, for a context of this realm; nothing when it is here. */
function visitorOf(scope: RequestScope, realmId: string): Pick<Ctx, "visitorFrom"> {
  const home = scope.visitorFrom ?? scope.realm?.id;
  const visits = scope.principal.kind === "user" && home !== undefined && home !== realmId;
  return visits ? { visitorFrom: home } : {};
}

/** The scope, inside the tenant that a route leads to. For `platform/tenancy` alone. */
export async function openRoute(scope: RequestScope, route: TenantRoute): Promise<TenantCtx> {
  const { env, settings, log, meter, readOnly, bookmark } = internalsOf(scope.tenancy);
  const seen = await readBookmark(settings.MASTER_KEY, route.id, bookmark);
  const db = open<TenantDb>({
    realmId: route.id,
    schemaVersion: route.schemaVersion,
    binding: poolDatabase(env, route.binding),
    log,
    meter,
    trips: "tenantTrips",
    start: readOnly ? (seen ?? "first-unconstrained") : "first-primary",
  });
  const origin = tenantOrigin(route.slug, settings.BASE_URL);
  const realm: Realm = { id: route.id, slug: route.slug, origin };
  return { ...carried(scope, route.id), settings, realm, db };
}

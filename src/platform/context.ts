import type { Settings } from "../env.ts";
import type { Principal, UserPrincipal } from "./access/principal.ts";
import type { Queues } from "./jobs/queues.ts";
import type { MetLimits } from "./limits/headers.ts";
import type { RealmPlan } from "./limits/plans.ts";
import type { Objects } from "./objects.ts";
import type { Logger } from "./observe/logger.ts";
import type { ControlDb, RealmDb, Tenancy, TenantDb } from "./tenancy/index.ts";

/** Whose users, keys and data a request is about: one tenant, or the platform itself. */
export interface Realm {
  /** Tenant id, or `platform`. */
  readonly id: string;
  /** Null for the platform. */
  readonly slug: string | null;
  /** Issuer and audience of the realm's tokens, base of its links. From the registry. */
  readonly origin: string;
}

/** What is known of the request itself. */
export interface RequestFacts {
  readonly id: string;
  /** Address of the caller as the edge saw it. */
  readonly ip: string;
  readonly userAgent: string;
}

/** A promise to store the answer in the commit that makes it true. */
export interface IdempotencyClaim {
  /** Hash of principal, method, path and the client's key. */
  readonly key: string;
  /** Hash of the payload. */
  readonly payload: string;
  /** The answer that `result` will be given, sealed for storage. */
  readonly seal: (result: unknown) => Promise<string>;
}

/** What every use case is given. Free of HTTP, so that requests, queues and cron share it. */
export interface Ctx<Db extends RealmDb = RealmDb> {
  readonly settings: Settings;
  readonly realm: Realm;
  readonly db: Db;
  /** The way to other realms: see `enterTenant` and `platformCtx`. */
  readonly tenancy: Tenancy;
  /** Where work is left for later. */
  readonly queues: Queues;
  /** Where what all isolates must agree on is kept: limits, breakers. */
  readonly objects: Objects;
  /** Limits that the request has met so far. */
  readonly metLimits: MetLimits;
  readonly principal: Principal;
  /** What the realm may use, where somebody is signed in to it. */
  readonly plan?: RealmPlan;
  readonly request: RequestFacts;
  /** Id of the realm that the signed-in caller belongs to, when it is not this one. */
  readonly visitorFrom?: string;
  readonly log: Logger;
  /** Whether it may change a database that stands still for a move: who moves it may, nobody else. */
  readonly movesHouse?: true;
  /**
   * Makes the answer to the request from the result that the commit is given. The commit calls it
   * before it changes anything, so that an answer that cannot be made leaves nothing behind.
   * @returns what takes the answer back, for a commit that fails
   */
  readonly prepare?: (result: unknown) => Promise<() => void>;
  readonly idempotency?: IdempotencyClaim;
}

/** A use case inside a tenant. */
export type TenantCtx = Ctx<TenantDb>;

/** A use case of the platform itself. */
export type PlatformCtx = Ctx<ControlDb>;

/** A use case that somebody signed in asked for. */
export type SignedIn<C extends Ctx = Ctx> = C & { readonly principal: UserPrincipal };

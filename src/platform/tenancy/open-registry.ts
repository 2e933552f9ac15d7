import type { Bindings } from "../../env.ts";
import type { Logger } from "../observe/logger.ts";
import type { Meter } from "../observe/meter.ts";
import { findRoute, forgetRoute, type TenantRoute } from "./directory.ts";
import { openControl } from "./tenancy.ts";

/** What the registry is reached by. */
export type RegistryBindings = Pick<Bindings, "CONTROL_DB">;

/** The ways to the tenants, for the router: it opens no tenant's database and changes nothing. */
export interface Registry {
  /**
   * Finds a tenant by slug; `directory.ts` says what is remembered, and for how long.
   * @throws Failure `database-unavailable`, `overloaded`
   */
  find(slug: string): Promise<TenantRoute | null>;
  /** The same, past what this isolate remembers. */
  findAnew(slug: string): Promise<TenantRoute | null>;
}

/** Opens the registry for one request. */
export function openRegistry(
  env: RegistryBindings,
  observing: { readonly log: Logger; readonly meter: Meter },
): Registry {
  const control = openControl(env, observing);
  return {
    find: (slug) => findRoute(control, slug, observing.log),
    findAnew(slug) {
      forgetRoute(slug);
      return findRoute(control, slug, observing.log);
    },
  };
}

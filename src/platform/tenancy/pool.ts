import type { Bindings } from "../../env.ts";

/** Prefix of the bindings that form the pool. */
export const POOL_PREFIX = "TENANT_DB_";

/** Names of the tenant databases that are bound to this Worker, claimed or not. */
export function poolBindings(env: Bindings): string[] {
  return Object.keys(env).filter((name) => name.startsWith(POOL_PREFIX));
}

/**
 * The database behind a binding of the pool.
 * @throws Error when this deployment has no such binding: the registry and the config disagree
 */
export function poolDatabase(env: Bindings, binding: string): D1Database {
  const database = binding.startsWith(POOL_PREFIX) ? env[binding] : undefined;
  if (!database) throw new Error(`No database is bound as ${binding}.`);
  return database as D1Database;
}

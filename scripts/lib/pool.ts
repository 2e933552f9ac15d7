/** Tenant databases that tests and `npm start` get. */
export const LOCAL_POOL_SIZE = 200;

/** About as many D1 bindings as one Worker can hold; more tenants are more cells. */
export const MAX_POOL_SIZE = 5_000;

const PREFIX = "TENANT_DB_";

/** One entry of `d1_databases` in a wrangler configuration. */
export interface D1Entry {
  binding: string;
  database_name: string;
  [key: string]: unknown;
}

/**
 * The binding names of a pool: `TENANT_DB_0000`, `TENANT_DB_0001`, …
 *
 * @throws RangeError unless `size` is a whole number between 1 and {@link MAX_POOL_SIZE}
 */
export function poolBindings(size: number): string[] {
  if (!Number.isInteger(size) || size < 1 || size > MAX_POOL_SIZE) {
    throw new RangeError(`A pool has 1 to ${MAX_POOL_SIZE} databases, not ${size}.`);
  }
  return Array.from({ length: size }, (_, index) => `${PREFIX}${String(index).padStart(4, "0")}`);
}

/** The pool as wrangler wants it, without ids: a deploy finds or creates databases by name. */
export function poolDatabases(size: number): D1Entry[] {
  return poolBindings(size).map((binding) => ({
    binding,
    database_name: `rowhouse-${binding.toLowerCase().replace("_db_", "-")}`,
  }));
}

/** Whether a binding belongs to the pool of tenant databases. */
export function isPoolBinding(binding: string): boolean {
  return binding.startsWith(PREFIX);
}

import { isPoolBinding, poolBindings } from "../pool.ts";
import type { Cell, Environment } from "./fleet.ts";

/**
 * What things are called at Cloudflare. All follows from the environment's `base` and the cells' names,
 * so that nothing has to remember an id.
 */
export const routerName = ({ base }: Environment) => base;

export const workerName = ({ base }: Environment, { name }: Cell) => `${base}-${name}`;

export const controlDatabaseName = ({ base }: Environment) => `${base}-control`;

/** `TENANT_DB_0007` of the cell `main` is `rowhouse-main-tenant-0007`. */
export function databaseName(environment: Environment, cell: Cell, binding: string): string {
  return `${workerName(environment, cell)}-${binding.toLowerCase().replace("_db_", "-")}`;
}

/** The first `size` databases of a cell. */
export function databaseNames(environment: Environment, cell: Cell, size: number): string[] {
  return poolBindings(size).map((binding) => databaseName(environment, cell, binding));
}

/** A queue's name in wrangler.toml, such as `rowhouse-doorbells`, as this cell calls its own. */
export function queueName(environment: Environment, cell: Cell, plain: string): string {
  return `${workerName(environment, cell)}-${plain.replace(/^rowhouse-/, "")}`;
}

/** How many databases a pool must have so that each of these bindings is one of them. */
export function poolSizeOf(bindings: readonly string[]): number {
  const numbers = bindings.filter(isPoolBinding).map((name) => Number(name.replace(/^\D+/, "")));
  return Math.max(-1, ...numbers) + 1;
}

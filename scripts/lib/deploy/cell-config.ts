import { type D1Entry, poolBindings } from "../pool.ts";
import { renderConfig, type WranglerConfig } from "../render-config.ts";
import { boundDatabases, type Deployed } from "./deployed.ts";
import { type Cell, cellCounter, type Environment } from "./fleet.ts";
import { controlDatabaseName, databaseName, queueName, workerName } from "./names.ts";

interface Queues {
  readonly producers?: readonly { readonly queue: string }[];
  readonly consumers?: readonly { readonly queue: string; readonly dead_letter_queue?: string }[];
}

/** A cell of a certain size. */
export interface CellPlan {
  readonly cell: Cell;
  /** Databases in all. */
  readonly size: number;
}

/** The directories that paths are relative to: of wrangler.toml, and of the rendered file. */
interface Directories {
  readonly from: string;
  readonly to: string;
}

/**
 * `wrangler.toml` as one cell has it: with names of its own, its pool, no route (the router stands in
 * front of it), and what it is told of itself.
 */
export function cellConfig(
  config: WranglerConfig,
  environment: Environment,
  { cell, size }: CellPlan,
  deployed: Pick<Deployed, "workers" | "databases" | "registry">,
  version: string,
  { from, to }: Directories,
): WranglerConfig {
  const { routes: _, ...rendered } = renderConfig(config, size, from, to);
  const fixed = (rendered.d1_databases ?? []).filter(({ binding }) => binding === "CONTROL_DB");
  return {
    ...rendered,
    name: workerName(environment, cell),
    vars: {
      ...config.vars,
      ...environment.vars,
      BASE_URL: environment.base_url,
      CELL: cell.name,
      ...(cell.region ? { REGION: cell.region } : {}),
      VERSION: version,
    },
    queues: ownQueues(rendered.queues as Queues, (plain) => queueName(environment, cell, plain)),
    ratelimits: (rendered.ratelimits as object[]).map((entry) => ({
      ...entry,
      namespace_id: cellCounter(environment, cell),
    })),
    d1_databases: [
      ...fixed.map((entry) => ({ ...entry, ...controlEntry(environment, deployed) })),
      ...poolEntries(environment, { cell, size }, deployed),
    ],
  };
}

/** The control database by its name, which wrangler looks up. It is made before anything is deployed. */
export function controlEntry(environment: Environment, { databases }: Pick<Deployed, "databases">) {
  const name = controlDatabaseName(environment);
  return { binding: "CONTROL_DB", database_name: name, ...idOf(databases.get(name)) };
}

/**
 * The pool. A binding stands for ever for the database that it was first bound to. One that is there is
 * named by its id: wrangler looks up each that it has no id of, and Cloudflare's API allows 1,200 calls in
 * 5 minutes. One that is not there has no id, and wrangler makes it.
 */
function poolEntries(
  environment: Environment,
  { cell, size }: CellPlan,
  { workers, databases, registry }: Pick<Deployed, "workers" | "databases" | "registry">,
): D1Entry[] {
  const bound = boundDatabases(workers.get(workerName(environment, cell))?.bindings);
  const there = new Set(databases.values());
  return poolBindings(size).map((binding) => {
    const name = databaseName(environment, cell, binding);
    const id = bound.get(binding);
    if (id && there.has(id)) return { binding, database_name: name, database_id: id };
    if (databases.has(name)) return { binding, database_name: name, ...idOf(databases.get(name)) };
    // Retired, then deleted. Its binding keeps its place, so that those after it keep theirs.
    const isDeleted = registry.retired.has(`${cell.name}/${binding}`);
    const instead = deletedName(environment, cell);
    return isDeleted
      ? { binding, database_name: instead, ...idOf(databases.get(instead)) }
      : { binding, database_name: name };
  });
}

/** What stands in the place of databases that were deleted: an empty one, which nobody is given. */
export function deletedName(environment: Environment, cell: Cell): string {
  return `${workerName(environment, cell)}-deleted`;
}

function idOf(id: string | undefined) {
  return id ? { database_id: id } : {};
}

function ownQueues(queues: Queues, own: (plain: string) => string): Queues {
  return {
    producers: (queues.producers ?? []).map((entry) => ({ ...entry, queue: own(entry.queue) })),
    consumers: (queues.consumers ?? []).map((entry) => ({
      ...entry,
      queue: own(entry.queue),
      ...(entry.dead_letter_queue ? { dead_letter_queue: own(entry.dead_letter_queue) } : {}),
    })),
  };
}

/** Names of all queues that a cell's config speaks of. */
export function queuesOf({ queues }: WranglerConfig): string[] {
  const { producers = [], consumers = [] } = queues as Queues;
  const names = [
    ...producers.map(({ queue }) => queue),
    ...consumers.flatMap(({ queue, dead_letter_queue: dead }) => (dead ? [queue, dead] : [queue])),
  ];
  return [...new Set(names)];
}

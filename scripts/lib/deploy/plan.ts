import { join } from "node:path";
import type { Credentials } from "../operators-api.ts";
import { GENERATED, ROOT } from "../paths.ts";
import { isPoolBinding } from "../pool.ts";
import { readConfig, type WranglerConfig } from "../render-config.ts";
import { renderRouter, routerVars } from "../render-router.ts";
import { cellConfig, controlEntry, deletedName, queuesOf } from "./cell-config.ts";
import { boundDatabases, type Deployed, type DeployedWorker } from "./deployed.ts";
import { type Cell, type Environment, routerCounter } from "./fleet.ts";
import { controlDatabaseName, poolSizeOf, routerName, workerName } from "./names.ts";
import { newestTag, refusalsOf } from "./refusals.ts";

/** What is asked for beyond what fleet.toml says. */
export interface Wishes {
  readonly version: string;
  /** Only these cells, and of this size at least; the router stays as it is. */
  readonly grow?: ReadonlyMap<string, number>;
  readonly objectMigrations?: boolean;
  readonly putMasterKey?: boolean;
  readonly masterKey?: string | undefined;
  /** Who shall be the first operator, if there is none. */
  readonly login: Credentials;
}

/** A Worker to deploy. */
export interface WorkerPlan {
  readonly name: string;
  readonly config: WranglerConfig;
  /** Where its config is written. */
  readonly file: string;
  /** What is deployed of it now; undefined: nothing. */
  readonly before: DeployedWorker | undefined;
  readonly putsMasterKey: boolean;
  /** It changes what Durable Objects there are, so there is no way back. */
  readonly isOneWay: boolean;
}

/** A cell to deploy. */
export interface PlannedCell extends WorkerPlan {
  readonly cell: Cell;
  /** Databases that it will have. */
  readonly size: number;
  /** Databases that may be claimed already. */
  readonly claimable: number;
}

/** Something to make before anything is deployed. */
export interface Database {
  readonly name: string;
  readonly cell: Cell;
}

export interface Plan {
  readonly environment: Environment;
  readonly version: string;
  readonly isGrowth: boolean;
  readonly cells: readonly PlannedCell[];
  readonly router: WorkerPlan | undefined;
  /** Config that has the control database, for wrangler's commands. */
  readonly home: PlannedCell;
  readonly newControl: boolean;
  readonly newOperator: boolean;
  readonly newQueues: readonly string[];
  /** Those that have to stand somewhere, which wrangler has no words for. */
  readonly newDatabases: readonly Database[];
  /** Why this must not be done. */
  readonly refusals: readonly string[];
}

/** Works out what a deploy has to do. Asks nobody and changes nothing. */
export function makePlan(environment: Environment, deployed: Deployed, wishes: Wishes): Plan {
  const config = readConfig();
  const directory = join(GENERATED, "deploy", environment.base);
  const all = ordered(environment).map((cell) =>
    planCell(config, environment, cell, deployed, wishes, directory),
  );
  const { grow } = wishes;
  const cells = grow ? all.filter(({ cell }) => grow.has(cell.name)) : all;
  const router = grow ? undefined : planRouter(config, environment, deployed, wishes, directory);
  const queues = cells.flatMap((cell) => queuesOf(cell.config));
  const planned = [...cells, ...(router ? [router] : [])];
  return {
    environment,
    version: wishes.version,
    isGrowth: grow !== undefined,
    cells,
    router,
    home: all[0] as PlannedCell,
    newControl: !deployed.databases.has(controlDatabaseName(environment)),
    newOperator: !deployed.registry.hasOperators,
    newQueues: queues.filter((queue) => !deployed.queues.has(queue)),
    newDatabases: cells.flatMap((cell) => placedDatabases(environment, cell)),
    refusals: refusalsOf(cells, planned, deployed, wishes),
  };
}

/** The home cell first: it serves the platform's door, so it is what tells soonest that something is wrong. */
function ordered({ cells, home_cell: home }: Environment): Cell[] {
  return [...cells].sort((a, b) => Number(b.name === home) - Number(a.name === home));
}

function planCell(
  source: WranglerConfig,
  environment: Environment,
  cell: Cell,
  deployed: Deployed,
  wishes: Wishes,
  directory: string,
): PlannedCell {
  const name = workerName(environment, cell);
  const before = deployed.workers.get(name);
  const claimable = deployed.registry.claimable.get(cell.name) ?? 0;
  const bound = poolSizeOf([...boundDatabases(before?.bindings).keys()]);
  const size = Math.max(cell.pool, bound, claimable, wishes.grow?.get(cell.name) ?? 0);
  const paths = { from: ROOT, to: directory };
  const config = cellConfig(source, environment, { cell, size }, deployed, wishes.version, paths);
  const hasKey = before?.bindings.some(({ name: secret }) => secret === "MASTER_KEY") ?? false;
  return {
    ...{ cell, size, claimable, name, config, before },
    file: join(directory, `${name}.jsonc`),
    putsMasterKey: !hasKey || (wishes.putMasterKey ?? false),
    isOneWay: before !== undefined && newestTag(config) !== before.objectMigration,
  };
}

function planRouter(
  source: WranglerConfig,
  environment: Environment,
  deployed: Deployed,
  wishes: Wishes,
  directory: string,
): WorkerPlan {
  const { base_url: baseUrl, zone, home_cell: homeCell } = environment;
  const { host } = new URL(baseUrl);
  const name = routerName(environment);
  const router = {
    name,
    cells: ordered(environment).map((cell) => ({
      name: cell.name,
      worker: workerName(environment, cell),
    })),
    homeCell,
    vars: routerVars(source, environment, wishes.version),
    routes: [host, `*.${host}`].map((door) => ({ pattern: `${door}/*`, zone_name: zone })),
    control: controlEntry(environment, deployed),
    guard: routerCounter(environment),
  };
  return {
    name,
    config: renderRouter(source, router, ROOT, directory),
    file: join(directory, `${name}.jsonc`),
    before: deployed.workers.get(name),
    putsMasterKey: false,
    isOneWay: false,
  };
}

/** Databases that wrangler cannot make: those with a place, and what stands in for deleted ones. */
function placedDatabases(environment: Environment, { cell, config }: PlannedCell): Database[] {
  const missing = (config.d1_databases ?? []).filter(
    ({ binding, database_id: id }) => isPoolBinding(binding) && !id,
  );
  const standIn = deletedName(environment, cell);
  const hasPlace = cell.region !== undefined || cell.location !== undefined;
  const names = missing.map((entry) => entry.database_name);
  return [...new Set(names)]
    .filter((name) => hasPlace || name === standIn)
    .map((name) => ({ name, cell }));
}

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { CLOCK_PREFIX } from "./clocks.ts";
import { cellConfig, controlEntry } from "./deploy/cell-config.ts";
import { type Environment, routerCounter } from "./deploy/fleet.ts";
import { routerName, workerName } from "./deploy/names.ts";
import { ROOT } from "./paths.ts";
import { keepConfig, readConfig, readVersion, type WranglerConfig } from "./render-config.ts";
import { renderRouter, routerVars } from "./render-router.ts";

/** Databases in the pool of each cell: starting thousands takes long, and here they are for looking. */
const POOL = 20;

/** The cells of `npm run start:cells`, the home cell first, and the demo tenant of each. */
export const LOCAL_CELLS = [
  { name: "eu", region: "eu", tenant: "acme" },
  { name: "us", region: "us", tenant: "globex" },
] as const;

const NOTHING_DEPLOYED = {
  workers: new Map(),
  databases: new Map(),
  registry: { claimable: new Map(), retired: new Set<string>(), hasOperators: false },
};

/** What wrangler is given. */
export interface LocalCells {
  /** Files of the configs, the router's first. */
  readonly configs: readonly string[];
  /** Databases in each cell's pool. */
  readonly pool: number;
}

/** The config of a cell of `npm run start:cells` that keeps its state there. */
export function localCellConfig(state: string, cell: string): string {
  return join(state, "configs", cell, "wrangler.jsonc");
}

/**
 * Writes the configs of a router and two cells as a deploy renders them, below the state.
 * Only the cells are given the secrets; the router has none.
 *
 * @param devVars file of the secrets and settings that `npm start` has, too
 * @param down name of a cell that shall refuse to serve, as one whose secret was forgotten does
 */
export function writeLocalCells(
  state: string,
  port: number,
  devVars: string,
  down?: string,
): LocalCells {
  const source = readConfig();
  const version = readVersion();
  const environment = localEnvironment(port);
  const fileOf = (name: string) => localCellConfig(state, name);

  const cells = environment.cells.map((cell) => {
    const file = fileOf(cell.name);
    const plan = { cell, size: cell.pool };
    const to = { from: ROOT, to: dirname(file) };
    const config = cellConfig(source, environment, plan, NOTHING_DEPLOYED, version, to);
    keepConfig(file, locally(config));
    keepSecrets(join(dirname(file), ".dev.vars"), devVars, cell.name !== down);
    return { name: cell.name, worker: workerName(environment, cell), file };
  });
  const file = fileOf("router");
  const router = renderRouter(
    source,
    {
      name: routerName(environment),
      cells,
      homeCell: environment.home_cell,
      vars: routerVars(source, environment, version),
      control: controlEntry(environment, NOTHING_DEPLOYED),
      guard: routerCounter(environment),
    },
    ROOT,
    dirname(file),
  );
  const clocked = withClocks(locally(router), cells, dirname(file));
  return { configs: [keepConfig(file, clocked), ...cells.map((cell) => cell.file)], pool: POOL };
}

function localEnvironment(port: number): Environment {
  return {
    base: "rowhouse",
    base_url: `http://localhost:${port}`,
    zone: "localhost",
    home_cell: LOCAL_CELLS[0].name,
    counters: 1_000,
    vars: {},
    cells: LOCAL_CELLS.map(({ name, region }) => {
      return { name, region, pool: POOL, low_water: 0, grow_by: POOL };
    }),
  };
}

/** wrangler's own databases are told apart by these ids; without one, by the binding alone. */
function locally(config: WranglerConfig): WranglerConfig {
  const databases = config.d1_databases ?? [];
  return {
    ...config,
    d1_databases: databases.map((entry) => {
      return { ...entry, preview_database_id: entry.database_name };
    }),
  };
}

/** The router with the entry that passes the crons on. Only wrangler's own server knows the flags. */
function withClocks(
  router: WranglerConfig,
  cells: readonly { readonly name: string; readonly worker: string }[],
  to: string,
): WranglerConfig {
  const clocks = cells.map(({ worker }, index) => {
    return { binding: `${CLOCK_PREFIX}${index}`, service: worker };
  });
  const flags = ["experimental", "service_binding_extra_handlers"];
  return {
    ...router,
    main: relative(to, join(import.meta.dirname, "local-router.ts")).replaceAll("\\", "/"),
    services: [...(router.services as object[]), ...clocks],
    compatibility_flags: [...(router.compatibility_flags as string[]), ...flags],
  };
}

/** Variables in such a file outweigh those of the config, and these the config says better. */
const OF_THE_CONFIG = /^(BASE_URL|CELL)=/;
const MASTER_KEY = /^MASTER_KEY=/;

function keepSecrets(file: string, devVars: string, withKey: boolean): void {
  const lines = readFileSync(devVars, "utf8").split("\n");
  const kept = lines.filter(
    (line) => !OF_THE_CONFIG.test(line) && (withKey || !MASTER_KEY.test(line)),
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, kept.join("\n"), { mode: 0o600 });
}

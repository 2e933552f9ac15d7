import { relative, resolve } from "node:path";
import { CELL_ENTRYPOINT, cellBinding } from "../../src/platform/cells/binding.ts";
import type { Environment } from "./deploy/fleet.ts";
import type { D1Entry } from "./pool.ts";
import type { WranglerConfig } from "./render-config.ts";

/** A router and what it stands in front of. */
export interface RouterPlan {
  /** Name of the router's Worker. */
  readonly name: string;
  /** Every cell, with the name of its Worker. Of the ones that are tried first, the first comes first. */
  readonly cells: readonly { readonly name: string; readonly worker: string }[];
  /** Name of the cell that serves the platform's door. */
  readonly homeCell: string;
  /** Its variables, `BASE_URL` and `VERSION` among them. It is given no secret. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** Routes as wrangler takes them: the base domain and everything below it. None for local runs. */
  readonly routes?: readonly Readonly<Record<string, string>>[];
  /** The control database, as a cell's config has it: `CONTROL_DB`, with its name or id. */
  readonly control: D1Entry;
  /** `namespace_id` of the counter of addresses. Cells have others, or their counts would be one. */
  readonly guard: string;
}

/** What the router takes over from `wrangler.toml`. */
const SHARED = [
  "compatibility_date",
  "compatibility_flags",
  "workers_dev",
  "preview_urls",
  "observability",
  "limits",
] as const;

/** Settings of the cells that the router goes by as well. */
const OF_CELLS = ["CORS_ORIGINS", "LOG_LEVEL"];

/**
 * The router's variables.
 *
 * @param config `wrangler.toml` as it was read
 */
export function routerVars(
  config: WranglerConfig,
  environment: Pick<Environment, "base_url" | "vars">,
  version: string,
): Record<string, unknown> {
  const all = Object.entries({ ...config.vars, ...environment.vars });
  return {
    ...Object.fromEntries(all.filter(([name]) => OF_CELLS.includes(name))),
    BASE_URL: environment.base_url,
    VERSION: version,
  };
}

/** Export by which the source is known, relative to the checkout's root. */
const ENTRY = "src/router.ts";

/**
 * The configuration of the router: the control database, a service binding for each cell, and nothing else.
 *
 * @param config `wrangler.toml` as it was read
 * @param from directory that the paths in `config` are relative to
 * @param to directory that the rendered file will stand in
 * @throws RangeError when the home cell is none of the cells
 */
export function renderRouter(
  config: WranglerConfig,
  plan: RouterPlan,
  from: string,
  to: string,
): WranglerConfig {
  if (!plan.cells.some(({ name }) => name === plan.homeCell)) {
    throw new RangeError(`The home cell ${plan.homeCell} is none of the cells.`);
  }
  const shared = Object.fromEntries(
    SHARED.flatMap((key) => (config[key] === undefined ? [] : [[key, config[key]]])),
  );
  return {
    name: plan.name,
    main: relative(to, resolve(from, ENTRY)).replaceAll("\\", "/"),
    ...shared,
    ...(plan.routes ? { routes: plan.routes } : {}),
    d1_databases: [plan.control],
    services: plan.cells.map(({ name, worker }) => ({
      binding: cellBinding(name),
      service: worker,
      entrypoint: CELL_ENTRYPOINT,
    })),
    ratelimits: guards(config.ratelimits, plan.guard),
    vars: { ...plan.vars, HOME_CELL: plan.homeCell },
  };
}

/** The counter of addresses with the figures of `wrangler.toml`, and an id of its own. */
function guards(entries: unknown, namespaceId: string): unknown[] {
  const all = entries as readonly Readonly<Record<string, unknown>>[];
  return all.map((entry) => ({ ...entry, namespace_id: namespaceId }));
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { ROOT } from "../paths.ts";
import { MAX_POOL_SIZE } from "../pool.ts";

/** A part of a name: what Workers, queues and databases may all be called. */
const label = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "may have a-z, 0-9 and dashes inside")
  .max(40);

/** Cloudflare's names for where a database is made. A hint: it may come to stand elsewhere. */
const location = z.enum(["weur", "eeur", "apac", "oc", "wnam", "enam"]);

const databases = z.number().int().min(1).max(MAX_POOL_SIZE);

const Cell = z
  .strictObject({
    name: label,
    /** Cloudflare's jurisdiction, which its data never leaves. */
    region: z.enum(["eu", "us"]).optional(),
    location: location.optional(),
    /** Databases that it begins with. A cell that is deployed keeps what it has. */
    pool: databases,
    /** Fewer free databases than this call for more ... */
    low_water: z.number().int().min(0).max(MAX_POOL_SIZE).default(5),
    /** ... and so many are added. */
    grow_by: databases.default(20),
  })
  .refine(({ region, location: hint }) => !(region && hint), {
    path: ["location"],
    message: "means nothing beside a region",
  });

const Environment = z
  .strictObject({
    base: label,
    base_url: z
      .url({ protocol: /^https?$/ })
      .refine((text) => new URL(text).origin === text, "must be an origin: scheme and host alone"),
    zone: z.string().regex(/^[a-z0-9.-]+$/),
    home_cell: label,
    location: location.optional(),
    canary: label.optional(),
    /** First `namespace_id` of the counters of addresses: the router's, then the cells'. */
    counters: z.number().int().min(1).default(1_000),
    vars: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.unknown()).default({}),
    cells: z.array(Cell).min(1),
  })
  .superRefine((environment, ctx) => {
    const names = environment.cells.map(({ name }) => name);
    if (new Set(names).size < names.length) ctx.addIssue("two cells have one name");
    if (!names.includes(environment.home_cell)) {
      ctx.addIssue(`home_cell: there is no cell ${environment.home_cell}`);
    }
    for (const name of SET_BY_US.filter((setting) => setting in environment.vars)) {
      ctx.addIssue(`vars: ${name} is set by the deploy`);
    }
  });

/** Settings that follow from the rest, and the one that is a secret. */
const SET_BY_US = ["BASE_URL", "CELL", "REGION", "VERSION", "HOME_CELL", "MASTER_KEY"];

const Fleet = z
  .strictObject({ environments: z.record(label, Environment) })
  .superRefine(({ environments }, ctx) => {
    const all = Object.values(environments);
    const bases = all.map(({ base }) => base);
    if (new Set(bases).size < bases.length) ctx.addIssue("two environments have one base");
    // Counters are the account's: deployments that share one share their counts.
    const ids = all.flatMap((environment) => [
      routerCounter(environment),
      ...environment.cells.map((cell) => cellCounter(environment, cell)),
    ]);
    if (new Set(ids).size < ids.length) ctx.addIssue("counters of two environments overlap");
  });

/** One deployment of Rowhouse: a router, a control database and cells. */
export type Environment = z.output<typeof Environment>;
/** One Worker with a pool of tenant databases. */
export type Cell = z.output<typeof Cell>;

/** `namespace_id` of the router's counter of addresses. */
export function routerCounter({ counters }: Environment): string {
  return String(counters);
}

/** `namespace_id` of a cell's counter of addresses. */
export function cellCounter({ counters, cells }: Environment, cell: Cell): string {
  return String(counters + 1 + cells.indexOf(cell));
}

/** Where the deployments are written down; `ROWHOUSE_FLEET` names another file. */
export function fleetFile(env: NodeJS.ProcessEnv = process.env): string {
  return env.ROWHOUSE_FLEET || join(ROOT, "fleet.toml");
}

/**
 * Reads one environment; without a name, the only one there is.
 *
 * @throws Error for a person: no such environment, or what in the file is wrong
 */
export function readEnvironment(name: string | undefined, file = fleetFile()): Environment {
  const parsed = Fleet.safeParse(parse(readFileSync(file, "utf8")));
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `  ${path.join(".")}: ${message}`);
    throw new Error(`${file} is not right:\n${wrong.join("\n")}`);
  }
  const { environments } = parsed.data;
  const names = Object.keys(environments);
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  const found = chosen === undefined ? undefined : environments[chosen];
  if (!found) throw new Error(`Say --env with one of: ${names.join(", ")}.`);
  return found;
}

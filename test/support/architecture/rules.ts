/** The rules on who may import whom, each a function from modules to the violations it finds. */
import type { Module, ModuleImport } from "./modules.ts";

type Rule = (modules: readonly Module[]) => string[];

/** Files of `src` and of `test` longer than this are two things. */
const LONGEST = { src: 250, test: 450 } as const;

/** From the entry down to what everything stands on. `env.ts` is the lowest of all. */
function heightOf(file: string): number {
  if (file === "src/index.ts" || file === "src/router.ts") return 3;
  if (file === "src/app.ts" || file === "src/registry.ts") return 2;
  if (file.startsWith("src/features/")) return 1;
  return 0;
}

/** Rule 1: `index -> registry/app -> features -> platform`. */
const layers: Rule = (modules) =>
  each(modules, (module, { from }) => {
    if (!from.startsWith("src/") || heightOf(from) <= heightOf(module.file)) return null;
    return `imports ${from}, which stands above it`;
  });

/**
 * Rule 1: features know each other by their `index.ts`; tables that refer to others' know those tables
 * alone, so that migrations are made from tables and nothing else.
 */
const featureFaces: Rule = (modules) =>
  each(modules, (module, { from }) => {
    const feature = featureOf(from);
    if (!feature || feature === featureOf(module.file)) return null;
    if (partOf(module.file) === "tables" && partOf(from) === "tables") return null;
    return from === `src/features/${feature}/index.ts`
      ? null
      : `imports ${from} past ${feature}'s index.ts`;
  });

/** Rule 1: features form no circle, not even through types. */
const featureCircles: Rule = (modules) => {
  const edges = new Map<string, Set<string>>();
  for (const { file, imports } of modules) {
    const feature = featureOf(file);
    if (!feature) continue;
    const others = imports.flatMap(({ from }) => featureOf(from) ?? []);
    const known = edges.get(feature) ?? new Set();
    edges.set(feature, new Set([...known, ...others.filter((other) => other !== feature)]));
  }
  const circles: string[] = [];
  const follow = (feature: string, path: readonly string[]): void => {
    const seenAt = path.indexOf(feature);
    if (seenAt >= 0) circles.push([...path.slice(seenAt), feature].join(" -> "));
    else for (const next of edges.get(feature) ?? []) follow(next, [...path, feature]);
  };
  for (const feature of edges.keys()) follow(feature, []);
  // Every circle is found once from each feature on it, and from each that leads to it.
  const smallestFirst = (circle: string) => circle.split(" -> ").slice(1).sort().join();
  return [...new Map(circles.map((circle) => [smallestFirst(circle), circle])).values()];
};

const HEIGHTS = {
  tables: 0,
  repository: 1,
  service: 2,
  schemas: 3,
  present: 3,
  routes: 4,
} as const;
type Part = keyof typeof HEIGHTS;

/** Rule 2: routes -> service -> repository -> tables; a part may know the types of any other. */
const featureParts: Rule = (modules) =>
  each(modules, (module, { from, typeOnly }) => {
    if (typeOnly || !featureOf(from) || featureOf(from) !== featureOf(module.file)) return null;
    const [here, there] = [partOf(module.file), partOf(from)];
    if (!here || !there) return null;
    if (HEIGHTS[there] > HEIGHTS[here]) return `${here} imports ${there}: ${from}`;
    const skips = here === "routes" && (there === "repository" || there === "tables");
    return skips || (here === "service" && there === "tables")
      ? `${here} reaches past the next part: ${from}`
      : null;
  });

/** Rule 3: Hono belongs to routes and to the middleware of the platform. */
const honoPlaces: Rule = (modules) =>
  each(modules, (module, { from, names }) => {
    if (from !== "hono" && !from.startsWith("hono/") && !from.startsWith("@hono/")) return null;
    const { file } = module;
    if (file === "src/app.ts" || file === "src/router.ts") return null;
    if (/^src\/platform\/(?:http|limits|access|tenancy|observe)\//.test(file)) return null;
    if (file.endsWith(".routes.ts")) return null;
    const onlyZ = from === "@hono/zod-openapi" && names.every((name) => name === "z");
    return file.endsWith(".schemas.ts") && onlyZ ? null : `imports ${from}`;
  });

/** Rule 3: SQL is written in repositories, tables and the platform. */
const drizzlePlaces: Rule = (modules) =>
  each(modules, ({ file }, { from }) => {
    if (from !== "drizzle-orm" && !from.startsWith("drizzle-orm/")) return null;
    return file.startsWith("src/platform/") || /\.(?:repository|tables)\.ts$/.test(file)
      ? null
      : `imports ${from}`;
  });

const TENANCY = "src/platform/tenancy/";

/** Names of D1's own types, calls and bindings. `env.ts` declares the type of CONTROL_DB. */
const D1_TYPE = /^D1(?:Database|DatabaseSession|PreparedStatement|Result|Response|ExecResult)$/;
const D1_METHODS = ["prepare", "withSession", "dump"];
const D1_BINDING = /^(?:CONTROL_DB|TENANT_DB_.*|POOL_PREFIX)$/;

/** Rule 3: raw bindings stay inside tenancy. */
const rawDatabases: Rule = (modules) =>
  modules.flatMap(({ file, identifiers, strings, methods }) => {
    if (file.startsWith(TENANCY)) return [];
    const allowed = file === "src/env.ts" ? ["D1Database", "CONTROL_DB"] : [];
    const names = [...identifiers, ...strings].filter(
      (name) => (D1_TYPE.test(name) || D1_BINDING.test(name)) && !allowed.includes(name),
    );
    const calls = D1_METHODS.filter((name) => methods.has(name)).map((name) => `.${name}()`);
    return [...new Set([...names, ...calls])].map((name) => `${file} uses ${name}`);
  });

/** Rule 3: the environment comes as an argument, so that nothing is bound behind our back. */
const ambientEnv: Rule = (modules) =>
  each(modules, ({ file }, { from, names }) => {
    if (from !== "cloudflare:workers" || file.startsWith(TENANCY)) return null;
    return names.some((name) => name === "env" || name === "*") ? "imports the ambient env" : null;
  });

const HANDLES = ["TenantDb", "ControlDb", "RealmDb", "Tenancy", "Db"];

/** Rule 3: only tenancy makes a database handle, so nobody else casts to one. */
const handleCasts: Rule = (modules) =>
  modules.flatMap(({ file, casts }) =>
    file.startsWith(TENANCY)
      ? []
      : HANDLES.filter((name) => casts.has(name)).map((name) => `${file} casts to ${name}`),
  );

/** Rule 3: tenancy is closed; who is outside sees its index.ts. */
const tenancyFace: Rule = (modules) =>
  each(modules, ({ file }, { from }) =>
    file.startsWith(TENANCY) || !from.startsWith(TENANCY) || from === `${TENANCY}index.ts`
      ? null
      : `imports ${from} past tenancy's index.ts`,
  );

/** Rule 4: a table is declared once. */
const tablesOnce: Rule = (modules) =>
  repeated(
    modules.flatMap(({ file, namedCalls }) =>
      namedCalls.flatMap(([callee, name]) => (callee === "sqliteTable" ? [[name, file]] : [])),
    ),
  );

/** Rule 5: a file is readable in one sitting. */
const sizes: Rule = (modules) =>
  modules.flatMap(({ file, lines }) => {
    const most = file.startsWith("src/") ? LONGEST.src : LONGEST.test;
    return lines > most ? [`${file} has ${lines} lines, more than ${most}: is it two things?`] : [];
  });

function each(
  modules: readonly Module[],
  check: (module: Module, imported: ModuleImport) => string | null,
): string[] {
  return modules.flatMap((module) =>
    module.imports.flatMap((imported) => {
      const violation = check(module, imported);
      return violation === null ? [] : [`${module.file} ${violation}`];
    }),
  );
}

function repeated(declared: readonly (readonly string[])[]): string[] {
  const places = Map.groupBy(declared, ([name]) => name);
  return [...places]
    .filter(([, found]) => found.length > 1)
    .map(([name, found]) => `${name} is declared in ${found.map(([, file]) => file).join(", ")}`);
}

function featureOf(file: string): string | null {
  return /^src\/features\/([^/]+)\//.exec(file)?.[1] ?? null;
}

/** Helpers of a feature, such as `seed.ts`, are part of its service. Its `index.ts` is no part. */
function partOf(file: string): Part | null {
  if (file.endsWith("/index.ts")) return null;
  const part = /\.(\w+)\.ts$/.exec(file)?.[1];
  return part !== undefined && part in HEIGHTS ? (part as Part) : "service";
}

/** All of them, by name. */
export const RULES = {
  layers,
  featureFaces,
  featureCircles,
  featureParts,
  honoPlaces,
  drizzlePlaces,
  rawDatabases,
  ambientEnv,
  handleCasts,
  tenancyFace,
  tablesOnce,
  sizes,
} as const satisfies Record<string, Rule>;

/** Prefix of the service bindings by which the router reaches its cells. */
const PREFIX = "CELL_";

/** Export of a cell's Worker that these bindings lead to. */
export const CELL_ENTRYPOINT = "Cell";

/** The router's binding for a cell, from the cell's name: `CELL_EU_1` for `eu-1`. No two names share one. */
export function cellBinding(name: string): string {
  return PREFIX + name.toUpperCase().replaceAll("-", "_");
}

/** Names of the cells that are bound. */
export function boundCells(env: object): string[] {
  return Object.keys(env)
    .filter((key) => key.startsWith(PREFIX))
    .map((key) => key.slice(PREFIX.length).toLowerCase().replaceAll("_", "-"));
}

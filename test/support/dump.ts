/** Every table of a database: its rows as text, equal exactly when the tables are. */
export type Dump = Readonly<Record<string, readonly string[]>>;

export async function dumpOf(database: D1Database): Promise<Dump> {
  const names = await tableNames(database);
  const results = await database.batch(
    names.map((name) => database.prepare(`SELECT * FROM "${name}"`)),
  );
  const rows = results.map((result) => result.results.map((row) => JSON.stringify(row)));
  return Object.fromEntries(names.map((name, at) => [name, rows[at] ?? []]));
}

/** All tables but D1's own. */
async function tableNames(database: D1Database): Promise<string[]> {
  const { results } = await database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .all<{ name: string }>();
  return results.map(({ name }) => name).filter((name) => !name.startsWith("_cf_"));
}

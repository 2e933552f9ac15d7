/** Fills a database of any version with rows that its own schema accepts. */

interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

async function tablesOf(database: D1Database): Promise<string[]> {
  const { results } = await database
    .prepare(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name <> 'd1_migrations' ORDER BY name`,
    )
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** Rows per table; wrangler's own table and D1's are left out. */
export async function countRows(database: D1Database): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of await tablesOf(database)) {
    const row = await database
      .prepare(`SELECT count(*) AS n FROM "${table}"`)
      .first<{ n: number }>();
    counts[table] = row?.n ?? 0;
  }
  return counts;
}

let serial = 0;

/** The column of a table that has one row at most. */
const SINGLETON = "singleton";

async function isFilled(database: D1Database, table: string): Promise<boolean> {
  return (await database.prepare(`SELECT 1 FROM "${table}"`).first()) !== null;
}

/** Whether a table has one row at most. */
export async function isSingleton(database: D1Database, table: string): Promise<boolean> {
  return (await columnsOf(database, table)).some(({ name }) => name === SINGLETON);
}

async function columnsOf(database: D1Database, table: string): Promise<Column[]> {
  const { results } = await database
    .prepare(`SELECT name, type, "notnull", pk FROM pragma_table_info('${table}')`)
    .all<Column>();
  return results;
}

/**
 * Adds `rows` rows to every table, whatever its columns are; a singleton gets its one. Values are
 * unique, so that they fit unique columns; tables that refer to others are filled after them.
 */
export async function populate(database: D1Database, rows: number): Promise<void> {
  const waiting = await tablesOf(database);
  for (let round = waiting.length; waiting.length > 0 && round >= 0; round -= 1) {
    for (const table of [...waiting]) {
      const parents = await parentsOf(database, table);
      if (parents.some(({ table: parent }) => parent !== table && waiting.includes(parent)))
        continue;
      await fill(database, table, rows, parents);
      waiting.splice(waiting.indexOf(table), 1);
    }
  }
  if (waiting.length > 0) throw new Error(`These tables refer to each other: ${waiting.join()}.`);
}

interface Parent {
  readonly table: string;
  readonly from: string;
  readonly to: string;
}

async function parentsOf(database: D1Database, table: string): Promise<Parent[]> {
  const { results } = await database
    .prepare(`SELECT "table", "from", "to" FROM pragma_foreign_key_list('${table}')`)
    .all<{ table: string; from: string; to: string }>();
  return results;
}

async function fill(
  database: D1Database,
  table: string,
  rows: number,
  parents: readonly Parent[],
): Promise<void> {
  const columns = await columnsOf(database, table);
  const keys = columns.filter(({ pk }) => pk > 0);
  // SQLite gives a lone INTEGER key its value, and a singleton has the only one that it may have.
  const isRowId = ({ pk, type }: Column) =>
    pk === 1 && keys.length === 1 && type.toUpperCase() === "INTEGER";
  const given = columns.filter((column) => column.name !== SINGLETON && !isRowId(column));
  const values = given.map((column) => {
    const parent = parents.find(({ from }) => from === column.name);
    if (parent) return `(SELECT "${parent.to}" FROM "${parent.table}" LIMIT 1)`;
    return column.type.toUpperCase() === "INTEGER" ? "?1" : `'${table}.${column.name}.' || ?1`;
  });
  const names = given.map(({ name }) => `"${name}"`).join();
  const sql = `INSERT INTO "${table}" (${names}) VALUES (${values.join()})`;
  const isOne = await isSingleton(database, table);
  if (isOne && (await isFilled(database, table))) return;
  const batch = Array.from({ length: isOne ? 1 : rows }, () =>
    database.prepare(sql).bind(++serial),
  );
  await database.batch(batch);
}

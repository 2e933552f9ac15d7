import { sql } from "drizzle-orm";
import type { RealmDb } from "./database.ts";
import { FENCE_TABLE } from "./import-fence.ts";

/** A table as its own schema describes it. */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns of the primary key, in the table's order. */
  readonly key: readonly string[];
}

/** The tables that hold a realm's data; not SQLite's and D1's own, nor those that say how far it is. */
const OURS = sql`m.type = 'table' AND m.name NOT GLOB 'sqlite_*' AND m.name NOT GLOB '_cf_*'
  AND m.name NOT IN ('d1_migrations', ${FENCE_TABLE})`;

/** Reads what tables there are from the database itself; each comes after those that it refers to. */
export async function readTables(db: RealmDb): Promise<readonly Table[]> {
  const columns = await db.read(
    (reader) =>
      reader
        .select({ table: sql<string>`m.name`, name: sql<string>`c.name`, key: sql<number>`c.pk` })
        .from(sql`sqlite_master AS m JOIN pragma_table_info(m.name) AS c`)
        .where(OURS)
        .orderBy(sql`m.name`, sql`c.cid`),
    "primary",
  );
  const links = await db.read(
    (reader) =>
      reader
        .select({ child: sql<string>`m.name`, parent: sql<string>`f."table"` })
        .from(sql`sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f`)
        .where(OURS),
    "primary",
  );
  const shapes = [...Map.groupBy(columns, ({ table }) => table)].map(([name, own]) => ({
    name,
    columns: own.map((column) => column.name),
    key: own.filter(({ key }) => key > 0).map((column) => column.name),
  }));
  return parentsFirst(shapes, links);
}

interface Link {
  readonly child: string;
  readonly parent: string;
}

function parentsFirst(tables: readonly Table[], links: readonly Link[]): Table[] {
  const ordered = new Set<Table>();
  const begun = new Set<Table>();
  const place = (table: Table) => {
    if (begun.has(table)) return;
    begun.add(table);
    for (const { child, parent } of links) {
      const found = child === table.name && tables.find(({ name }) => name === parent);
      if (found) place(found);
    }
    ordered.add(table);
  };
  for (const table of tables) place(table);
  return [...ordered];
}

/** The last number that each counting table has given (AUTOINCREMENT), by table. */
export async function readSequences(db: RealmDb): Promise<Record<string, number>> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ name: sql<string>`name`, seq: sql<number>`seq` })
        .from(sql`sqlite_sequence`)
        .where(sql`name <> 'd1_migrations'`)
        .orderBy(sql`name`),
    "primary",
  );
  return Object.fromEntries(rows.map(({ name, seq }) => [name, seq]));
}

/** How many migrations the database has had. */
export async function readSchemaVersion(db: RealmDb): Promise<number> {
  const [row] = await db.read(
    (reader) => reader.select({ applied: sql<number>`count(*)` }).from(sql`d1_migrations`),
    "primary",
  );
  return row?.applied ?? 0;
}

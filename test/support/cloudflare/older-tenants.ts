import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../scripts/lib/paths.ts";
import { call } from "./client.ts";
import { boundIn } from "./deploys.ts";
import type { StandIn } from "./stand-in.ts";

const FOLDER = join(ROOT, "migrations", "tenant");
const MIGRATIONS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".sql"))
  .sort();
const LAST = MIGRATIONS.at(-1) as string;

/** The schema that every tenant has after a deploy. */
export const NEWEST = MIGRATIONS.length;

type Row = Record<string, unknown>;

/** The databases of a deployment, entered from behind: tenants that an older release has left. */
export interface OlderTenants {
  control(sql: string): Promise<Row[]>;
  /** Asks a tenant's own database. */
  ask(slug: string, sql: string): Promise<Row[]>;
  /** Takes the newest migration back, as if it had never been. */
  setBack(slug: string): Promise<void>;
  /** The same, but what the migration makes stays there, and will be in its way. */
  plantObstacle(slug: string): Promise<void>;
  /** What that has left is gone. */
  mend(slug: string): Promise<void>;
  /** Slug and schema of every tenant: as its database has it, and as the registry. */
  schemas(): Promise<[slug: string, database: number, registry: number][]>;
}

export function olderTenants(cloudflare: StandIn, base: string): OlderTenants {
  async function query(id: string | undefined, sql: string): Promise<Row[]> {
    const { status, result } = await call(cloudflare, "POST", `account/d1/database/${id}/query`, {
      sql,
    });
    if (status !== 200) throw new Error(`${status} to ${sql}`);
    return result.at(-1).results;
  }
  const control = (sql: string) =>
    query(cloudflare.account.databases.find(({ name }) => name === `${base}-control`)?.uuid, sql);
  async function ask(slug: string, sql: string): Promise<Row[]> {
    const [home] = await control(`SELECT cell, binding FROM tenants WHERE slug = '${slug}'`);
    return query(boundIn(cloudflare).get(`${base}-${home?.cell}/${home?.binding}`), sql);
  }
  const mend = async (slug: string) => void (await ask(slug, undoing(LAST)));
  const plantObstacle = async (slug: string) => {
    await ask(slug, `DELETE FROM d1_migrations WHERE name = '${LAST}'`);
    await control(`UPDATE tenants SET schema_version = ${NEWEST - 1} WHERE slug = '${slug}'`);
  };
  return {
    control,
    ask,
    mend,
    plantObstacle,
    async setBack(slug) {
      await plantObstacle(slug);
      await mend(slug);
    },
    async schemas() {
      const tenants = await control("SELECT slug, schema_version FROM tenants ORDER BY id");
      return Promise.all(
        tenants.map(async ({ slug, schema_version }) => {
          const [row] = await ask(`${slug}`, "SELECT count(*) AS applied FROM d1_migrations");
          return [`${slug}`, Number(row?.applied), Number(schema_version)] as const;
        }),
      ) as Promise<[string, number, number][]>;
    },
  };
}

/** Statements that undo a migration which adds tables, columns and indexes. */
function undoing(migration: string): string {
  const sql = readFileSync(join(FOLDER, migration), "utf8");
  const undo = (form: RegExp, statement: (...names: string[]) => string) =>
    [...sql.matchAll(form)].map(([, ...names]) => `${statement(...names)};`);
  return [
    ...undo(/^CREATE (?:UNIQUE )?INDEX `(\w+)`/gm, (name) => `DROP INDEX ${name}`),
    ...undo(
      /^ALTER TABLE `(\w+)` ADD `(\w+)`/gm,
      (table, name) => `ALTER TABLE ${table} DROP COLUMN ${name}`,
    ),
    ...undo(/^CREATE TABLE `(\w+)`/gm, (name) => `DROP TABLE ${name}`),
  ].join("\n");
}

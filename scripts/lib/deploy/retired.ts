import { type Cloudflare, LARGEST_PAGE } from "./cloudflare.ts";
import type { Environment } from "./fleet.ts";
import { databaseName } from "./names.ts";
import type { Site } from "./site.ts";

/** A database that no tenant lives in any more, nor ever will. */
export interface RetiredDatabase {
  readonly cell: string;
  readonly binding: string;
  readonly tenant_id: string;
  readonly retired_at: string | null;
  readonly name: string;
}

/** Databases out of service that are still in the account. */
export async function readRetired(
  environment: Environment,
  site: Site,
  api: Cloudflare,
): Promise<RetiredDatabase[]> {
  const databases = await api.list<{ name: string }>("/d1/database", LARGEST_PAGE);
  const there = new Set(databases.map(({ name }) => name));
  const found: RetiredDatabase[] = [];
  const list = site.operators.list<Omit<RetiredDatabase, "name">>("/databases?state=retired");
  for await (const { cell: name, binding, tenant_id, retired_at } of list) {
    const cell = environment.cells.find((other) => other.name === name);
    if (!cell) continue;
    const database = databaseName(environment, cell, binding);
    if (there.has(database)) {
      found.push({ cell: name, binding, tenant_id, retired_at, name: database });
    }
  }
  return found;
}

/** What to type. Nothing is deleted by a program: a database that is gone does not come back. */
export function describeRetired(databases: readonly RetiredDatabase[]): string[] {
  if (databases.length === 0) return ["No database waits to be deleted."];
  return databases.map(
    ({ name, tenant_id, retired_at }) =>
      `npx wrangler d1 delete ${name} --skip-confirmation  # of ${tenant_id}, retired ${retired_at}`,
  );
}

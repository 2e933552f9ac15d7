/** Cells with pools of their own on the tests' one control database. */
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { type Caller, PLATFORM_ORIGIN, type Reply } from "./client.ts";
import { times } from "./registration.ts";
import { bindings, databaseOf, type OtherWorker, openWorker } from "./worker.ts";

/** Databases that the tests' own cell is bound to. */
export const POOL = Object.keys(bindings).filter((name) => name.startsWith("TENANT_DB_")).length;

/** The nth database of every cell's pool has this name. */
export function bindingOf(index: number): string {
  return `TENANT_DB_${String(index).padStart(4, "0")}`;
}

/** The cell that the tests' own Worker is. */
export const THIS_CELL = "test-1";

/** Makes the tests' own cell known, with its whole pool claimable. Where it is known already, it stays so. */
export async function knowThisCell(): Promise<void> {
  await bindings.CONTROL_DB.prepare(
    `INSERT OR IGNORE INTO cells (name, region, open, bound, claimable, created_at, updated_at, version)
    VALUES (?1, NULL, 1, ?2, ?2, 0, 0, 1)`,
  )
    .bind(THIS_CELL, POOL)
    .run();
}

export interface TestCell extends OtherWorker {
  readonly name: string;
  /** Calls an operators' operation, below `/api/v1`. */
  as(operator: Caller, method: string, path: string, body?: unknown): Promise<Reply>;
  /** Makes it known, with so many of its databases claimable. */
  putWith(operator: Caller, claimable: number): Promise<void>;
}

interface CellOptions {
  /** The real databases that its pool consists of: from this one on, so many. */
  readonly from: number;
  readonly count: number;
  readonly region?: "eu" | "us";
  readonly changes?: Partial<Bindings>;
}

/** Opens a cell. No two may share a database, except for tests that make no tenant in it. */
export function openCell(name: string, options: CellOptions): TestCell {
  const { from, count, region, changes } = options;
  const names = times(count, bindingOf);
  const pool = names.map((binding, index) => [
    binding,
    databaseOf(bindingOf((from + index) % POOL)),
  ]);
  const worker = openWorker(
    { CELL: name, ...(region ? { REGION: region } : {}), ...Object.fromEntries(pool), ...changes },
    names,
  );
  const as: TestCell["as"] = ({ token }, method, path, body) =>
    worker.call(method, `${PLATFORM_ORIGIN}/api/v1${path}`, { token, body });
  return {
    ...worker,
    name,
    as,
    async putWith(operator, claimable) {
      const known = await as(operator, "PUT", `/cells/${name}`, {});
      expect(known.status, known.text).toBeLessThan(300);
      const reply = await as(operator, "POST", `/cells/${name}/databases`, { claimable });
      expect(reply.json, reply.text).toMatchObject({ claimable, unfit: null });
    },
  };
}

/** Takes all cells out of the registry, so that the next test begins without any. */
export async function forgetCells(): Promise<void> {
  await bindings.CONTROL_DB.exec("DELETE FROM cells");
}

/** What is wrong with who has which database; nothing, while every tenant is at home. */
export async function wronglyHoused(): Promise<unknown[]> {
  const { results } = await bindings.CONTROL_DB.prepare(
    `SELECT 'tenant without its database' AS what, id, cell, binding FROM tenants
      WHERE state <> 'purged' AND 1 <> (
        SELECT count(*) FROM tenant_databases AS held WHERE held.state = 'serving'
          AND held.tenant_id = tenants.id AND held.cell = tenants.cell AND held.binding = tenants.binding)
    UNION ALL SELECT 'tenant with several', tenant_id, min(cell), min(binding) FROM tenant_databases
      WHERE state <> 'retired' GROUP BY tenant_id HAVING count(*) > 1
    UNION ALL SELECT 'database without its tenant', tenant_id, cell, binding FROM tenant_databases AS held
      WHERE state = 'serving' AND NOT EXISTS (
        SELECT 1 FROM tenants
        WHERE id = held.tenant_id AND tenants.cell = held.cell AND tenants.binding = held.binding)
    UNION ALL SELECT 'database of several', min(tenant_id), cell, binding FROM tenant_databases
      GROUP BY cell, binding HAVING count(*) > 1`,
  ).all();
  return results;
}

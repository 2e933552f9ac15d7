/** By which index the queries go that the Worker asks while a test runs something. */
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { databaseOf, wrapAll } from "./worker.ts";

/** A query, and how SQLite goes about it. */
export interface Planned {
  readonly sql: string;
  readonly plan: readonly string[];
}

export function watchPlans() {
  const asked: { database: D1Database; sql: string }[] = [];
  const bindings: Partial<Bindings> = wrapAll((binding) => async (trip, run) => {
    asked.push(...trip.sql.map((sql) => ({ database: databaseOf(binding), sql })));
    return run();
  });

  /** What is asked about these tables while it runs, each with its plan. */
  async function plansOf(run: () => Promise<unknown>, about: RegExp): Promise<Planned[]> {
    asked.length = 0;
    await run();
    const plans: Planned[] = [];
    for (const { database, sql } of asked.splice(0)) {
      if (!about.test(sql)) continue;
      // The values play no part in a plan.
      const nulls = [...sql.replace(/'[^']*'/g, "")].filter((letter) => letter === "?");
      const rows = await database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...nulls.map(() => null))
        .all<{ detail: string }>();
      plans.push({ sql, plan: rows.results.map(({ detail }) => detail) });
    }
    return plans;
  }

  return { bindings, plansOf };
}

/** Sorting of what is equal by the index is no sorting of everything. */
const SORTED = /^USE TEMP B-TREE FOR (ORDER|GROUP) BY$/;

interface Expected {
  /** What lines of plans hold: each of them somewhere. */
  readonly indexes: readonly string[];
  /** Lines that read a table through that may be large. */
  readonly large: RegExp;
  /** Lines of plans whose rows are few, so that they may be sorted. */
  readonly few?: RegExp;
  /** Lines that are right here, whatever they read. */
  readonly fine?: (line: string) => boolean;
}

/** Fails where an index is left out, a large table read through, or what is many sorted. */
export function expectPlans(plans: readonly Planned[], expected: Expected): void {
  const { indexes, large, few, fine } = expected;
  const lines = plans.flatMap(({ plan }) => plan);
  for (const index of indexes) {
    const found = lines.filter((line) => line.includes(index));
    expect(found, `${index}: ${lines.join("\n")}`).not.toEqual([]);
  }
  for (const { sql, plan } of plans) {
    const maySort = few !== undefined && plan.some((line) => few.test(line));
    const bad = plan.filter(
      (line) => (large.test(line) && !fine?.(line)) || (SORTED.test(line) && !maySort),
    );
    expect(bad, `${sql}\n${plan.join("\n")}`).toEqual([]);
  }
}

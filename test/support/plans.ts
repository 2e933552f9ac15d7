/** By which index the queries go that the Worker asks while a test runs something. */
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

import { sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { metricSamples, signalRules } from "./rules.tables.ts";
import type { Sample } from "./samples.ts";

/**
 * Keeps those samples that an active rule watches, in their order, until the rules are held against
 * them: part of the commit that takes them in, so that none is lost. One that claims to be of the
 * future counts as measured now: a clock that runs ahead must not make everybody else's come too late.
 */
export function takeSamples(samples: readonly Sample[]): Step {
  const now = Date.now();
  const rows = JSON.stringify(
    samples.map(({ metric, value, at }) => [metric, value, Math.min(at.getTime(), now)]),
  );
  return {
    statement: write.insert(metricSamples).select(
      sql`SELECT NULL, value ->> 0, value ->> 1, value ->> 2 FROM json_each(${rows})
        WHERE EXISTS (SELECT 1 FROM ${signalRules} WHERE metric = value ->> 0 AND active = 1)
        ORDER BY key`,
    ),
    expect: "any",
    as: "metric_samples.take",
  };
}

/** Whether rules are still to be held against something. */
export async function hasSamples(db: RealmDb): Promise<boolean> {
  const rows = await db.read(
    (reader) => reader.select({ found: sql<number>`1` }).from(metricSamples).limit(1),
    "primary",
  );
  return rows.length > 0;
}

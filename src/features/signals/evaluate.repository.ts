import { lte, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import {
  metricSamples,
  SEVERITIES,
  signalRules,
  type Transition,
  type WaitingSample,
  type WatchingRule,
} from "../rules/index.ts";
import { signals } from "./signals.tables.ts";

/** What an evaluation begins with. */
export interface Waiting {
  /** The first that wait, in the order of their arrival. */
  readonly samples: readonly WaitingSample[];
  /** The active rules of their metrics, the oldest first. */
  readonly rules: readonly WatchingRule[];
  /** Which rule opened what rules of these metrics have open, by key. */
  readonly open: ReadonlyMap<string, string | null>;
}

/** The columns of a rule, by the names that the evaluation knows them by. */
const RULE = {
  id: "id",
  metric: "metric",
  operator: "operator",
  threshold: "threshold",
  durationSeconds: "duration_seconds",
  severity: "severity",
  stateVersion: "state_version",
  breachedSince: "breached_since",
  lastSampleAt: "last_sample_at",
} as const satisfies Record<keyof WatchingRule, string>;
const RULE_MEMBERS = Object.entries(RULE)
  .map(([name, column]) => `'${name}', ${column}`)
  .join(", ");

/**
 * At most so many samples, the rules that watch their metrics and the signals that those have open: one
 * statement, so that they are of one moment.
 */
export async function readWaiting(db: RealmDb, most: number): Promise<Waiting> {
  const severities = JSON.stringify(SEVERITIES);
  const found = sql`(
    WITH waiting AS MATERIALIZED (SELECT * FROM ${metricSamples} ORDER BY seq LIMIT ${most}),
      seen AS MATERIALIZED (SELECT DISTINCT metric FROM waiting)
    SELECT
      (SELECT json_group_array(json_array(seq, metric, value, at) ORDER BY seq)
        FROM waiting) AS samples,
      (SELECT json_group_array(json_object(${sql.raw(RULE_MEMBERS)}) ORDER BY id)
        FROM ${signalRules} WHERE metric IN (SELECT metric FROM seen) AND active = 1) AS rules,
      (SELECT json_group_array(json_array(dedupe_key, rule_id)) FROM ${signals}
        WHERE resolved_at IS NULL AND dedupe_key IN (
          SELECT 'rule:' || metric || ':' || value FROM seen, json_each(${severities}))) AS open)`;
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          samples: sql<string>`samples`,
          rules: sql<string>`rules`,
          open: sql<string>`open`,
        })
        .from(found),
    "primary",
  );
  const { samples = "[]", rules = "[]", open = "[]" } = row ?? {};
  return {
    samples: (JSON.parse(samples) as [number, string, number, number][]).map(
      ([seq, metric, value, at]) => ({ seq, metric, value, at }),
    ),
    rules: JSON.parse(rules) as WatchingRule[],
    open: new Map(JSON.parse(open) as [string, string | null][]),
  };
}

/**
 * That nobody else has judged these samples meanwhile, and that the rules which judged them are still
 * as they were: whoever comes too late fails with `conflict`.
 */
export function requireUnjudged(first: WaitingSample, judged: readonly WatchingRule[]): Step[] {
  const versions = JSON.stringify(judged.map(({ id, stateVersion }) => [id, stateVersion]));
  return [
    {
      require: sql`EXISTS (SELECT 1 FROM ${metricSamples} WHERE seq = ${first.seq})`,
      as: "metric_samples.unjudged",
      otherwise: "conflict",
    },
    {
      require: sql`(SELECT count(*) FROM json_each(${versions}) AS was
        JOIN ${signalRules} AS rule ON rule.id = was.value ->> 0
          AND rule.state_version = was.value ->> 1) = ${judged.length}`,
      as: "signal_rules.unjudged",
      otherwise: "conflict",
    },
  ];
}

/** How far the rules are now, and that the samples up to this one are judged. */
export function keepJudged(last: WaitingSample, judged: readonly WatchingRule[]): Step[] {
  const states = JSON.stringify(
    judged.map(({ id, breachedSince, lastSampleAt }) => [id, breachedSince, lastSampleAt]),
  );
  return [
    {
      statement: write
        .update(signalRules)
        .set({
          breachedSince: sql`state.value ->> 1`,
          lastSampleAt: sql`state.value ->> 2`,
          stateVersion: sql`state_version + 1`,
        })
        .from(sql`json_each(${states}) AS state`)
        .where(sql`${signalRules.id} = state.value ->> 0`),
      expect: "any",
      as: "signal_rules.keep_state",
    },
    {
      statement: write.delete(metricSamples).where(lte(metricSamples.seq, last.seq)),
      expect: "any",
      as: "metric_samples.judged",
    },
  ];
}

export type Counted = Extract<Transition, { kind: "counted" }>;

/**
 * Counts further values of breaches at the signals that are open of them. That is nothing which somebody
 * who handles such a signal could lose a race to, so its version stays.
 * @param nonce what makes the step's name its own
 */
export function countBreaches(counted: readonly Counted[], nonce: number): Step {
  const counts = JSON.stringify(
    counted.map(({ key, times, sample }) => [key, times, sample.value, sample.at]),
  );
  return {
    statement: write
      .update(signals)
      .set({
        occurrences: sql`occurrences + (more.value ->> 1)`,
        metricValue: sql`more.value ->> 2`,
        lastSeenAt: sql`more.value ->> 3`,
      })
      .from(sql`json_each(${counts}) AS more`)
      .where(sql`${signals.dedupeKey} = more.value ->> 0 AND ${signals.resolvedAt} IS NULL`),
    expect: "any",
    as: `signals.count_breaches.${nonce}`,
  };
}

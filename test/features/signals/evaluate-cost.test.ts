/** What an evaluation reads and writes where there is much: rules, samples, and signals of old. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { newId } from "../../../src/platform/ids.ts";
import type { Around } from "../../support/d1.ts";
import { type RuleHouse, ruleHouse } from "../../support/evaluations.ts";
import { showFigures } from "../../support/figures.ts";
import { times } from "../../support/registration.ts";
import { wrapAll } from "../../support/worker.ts";

const RULES = 100;
const SAMPLES = 500;
const OLD_SIGNALS = 20_000;
const OPEN_SIGNALS = 5_000;
/** The samples and the rules, each read some times over; the signals are far more. */
const MOST_READ = 6_000;
/** D1's limit of queries in one invocation. */
const MOST_STATEMENTS = 1_000;

interface Cost {
  trips: number;
  read: number;
  written: number;
  statements: number;
}

let house: RuleHouse;
let at = Date.now() - 3_600_000;
beforeAll(async () => {
  house = await ruleHouse();
  const { database } = house;
  const insert = (count: number, source: string, resolved: string) =>
    database
      .prepare(
        `INSERT INTO signals (id, source, kind, severity, status, title, risk_score, dedupe_key,
            rule_id, occurrences, last_seen_at, opened_at, resolved_at, updated_at, version)
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
          SELECT 'signal_' || ?2 || i, ?2, 'metric:m' || (i % 100), 'high', 'open', 't', 1,
            ?2 || ':m' || (i % 100) || ':high' || CASE ?2 WHEN 'rule' THEN '' ELSE i END, 'rule_x', 1,
            i, i, ${resolved}, i, 1 FROM n`,
      )
      .bind(count, source)
      .run();
  await insert(OLD_SIGNALS, "rule", "i");
  await insert(OPEN_SIGNALS, "infra", "NULL");
});

/** Every rule has these, and each metric as many rules as there are rules for it. */
async function setRules(metrics: number): Promise<void> {
  const { database } = house;
  await database.batch([
    database.prepare("DELETE FROM signal_rules"),
    database.prepare("UPDATE signals SET resolved_at = 1 WHERE source = 'rule'"),
    ...times(RULES, (nth) =>
      database
        .prepare(
          `INSERT INTO signal_rules (id, metric, operator, threshold, duration_seconds, severity,
            active, created_at, updated_at, version) VALUES (?, ?, '>', ?, 0, 'high', 1, 0, 0, 1)`,
        )
        .bind(newId("rule"), `m${nth % metrics}`, nth),
    ),
  ]);
}

async function costOf(run: (bindings: Partial<Bindings>) => Promise<void>): Promise<Cost> {
  const cost = { trips: 0, read: 0, written: 0, statements: 0 };
  const around: Around = async (trip, run) => {
    cost.trips += 1;
    cost.statements += trip.sql.length;
    const result = await run();
    const metas =
      trip.kind === "read"
        ? [await trip.meta?.()]
        : (result as unknown as D1Result[]).map(({ meta }) => meta);
    for (const meta of metas) {
      cost.read += meta?.rows_read ?? 0;
      cost.written += meta?.rows_written ?? 0;
    }
    return result;
  };
  await run(wrapAll(() => around));
  return cost;
}

const told = ({ trips, read, written, statements }: Cost) =>
  `${trips} trips, ${statements} statements, ${read} rows read, ${written} written`;

/** Has samples judged, by as many doorbells as it takes. */
async function evaluateAll(metrics: number, value: number): Promise<Cost[]> {
  await house.take(times(SAMPLES, (nth) => ({ metric: `m${nth % metrics}`, value, at: ++at })));
  const costs: Cost[] = [];
  do {
    house.sent();
    costs.push(await costOf((bindings) => house.evaluate(bindings)));
  } while (house.sent().length > 0);
  expect(await house.waiting()).toBe(0);
  return costs;
}

const BESIDE = `beside ${OLD_SIGNALS} old signals and ${OPEN_SIGNALS} others that are open`;

describe(`an evaluation of ${SAMPLES} samples by ${RULES} rules, ${BESIDE}`, () => {
  it.for([1, 100])("of %i metrics reads what it judges, and no more", async (metrics, { task }) => {
    await setRules(metrics);
    const phases = { calm: -1, opening: 1_000, going: 1_001, ending: -1 };
    for (const [phase, value] of Object.entries(phases)) {
      const costs = await evaluateAll(metrics, value);
      const worst = costs.reduce((one, other) => (other.read > one.read ? other : one));
      const most = costs.reduce((one, other) => (other.statements > one.statements ? other : one));
      showFigures(
        task,
        `${metrics} metrics, ${phase}: ${costs.length} doorbells, each ${told(worst)}`,
      );
      expect(worst.read, phase).toBeLessThan(MOST_READ);
      expect(most.statements, phase).toBeLessThan(MOST_STATEMENTS);
      const open = await house.database
        .prepare("SELECT count(*) FROM signals WHERE resolved_at IS NULL AND source = 'rule'")
        .raw();
      expect(open).toEqual([[phase === "opening" || phase === "going" ? metrics : 0]]);
    }
  });

  it("stays within D1's statements where all that it opens is critical", async ({ task }) => {
    await setRules(100);
    await house.database.prepare("UPDATE signal_rules SET severity = 'critical'").run();
    for (const value of [1_000, -1]) {
      const costs = await evaluateAll(100, value);
      const most = Math.max(...costs.map(({ statements }) => statements));
      showFigures(
        task,
        `100 critical signals: ${costs.length} doorbells, each at most ${most} statements`,
      );
      expect(most).toBeLessThan(MOST_STATEMENTS);
    }
  });
});

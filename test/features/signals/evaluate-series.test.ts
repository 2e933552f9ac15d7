/** Evaluations in a real database against the plain reference, over random series. */
import { describe, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { type RuleHouse, ruleHouse, type StoredSignal } from "../../support/evaluations.ts";
import { showFigures } from "../../support/figures.ts";
import { holds } from "../../support/property.ts";
import { type Player, play, type Series, series } from "../../support/rule-series.ts";
import {
  type ReferenceRule,
  type ReferenceSignal,
  whatHappens,
} from "../../support/rules-reference.ts";
import { DEEP } from "../../support/worker.ts";

const RUNS = DEEP ? 500 : 30;
/** Hundreds of series take minutes. */
const PATIENT = { timeout: DEEP ? 1_800_000 : 120_000 };
const ENDS: Record<string, ReferenceSignal["end"]> = { recovery: "recovery", null: "open" };

describe("evaluations of random series", () => {
  it("leave what the reference says", PATIENT, async ({ task }) => {
    const house = await ruleHouse();
    const total = { samples: 0, signals: 0, recovery: 0, hand: 0, open: 0, inherited: 0 };
    await holds(
      "evaluations",
      [series(40)],
      async (each) => {
        const rules = await begin(house, each);
        const history = await play(each, Date.now() - 3_600_000, playerOf(house, rules));
        const expected = whatHappens(rules, history);
        const stored = await house.signals();
        expect(byKey(stored)).toEqual(expected.signals);
        expect(await statesOf(house, rules)).toEqual(expected.states);
        expect(await house.waiting()).toBe(0);
        total.inherited += expected.inherited;
        total.samples += history.filter(({ kind }) => kind === "sample").length;
        for (const { end } of Object.values(expected.signals).flat()) {
          total.signals += 1;
          total[end] += 1;
        }
      },
      RUNS,
    );
    expect(Math.min(total.recovery, total.open)).toBeGreaterThan(0);
    const { samples, signals, recovery, hand, open, inherited } = total;
    showFigures(
      task,
      `${RUNS} series, ${samples} samples: ${signals} signals, of which ${recovery} recovered ` +
        `(${inherited} by another rule), ${hand} were resolved by hand and ${open} stayed open`,
    );
  });
});

/** Clears what the series before left, and puts the rules there. */
async function begin({ database }: RuleHouse, { rules }: Series): Promise<ReferenceRule[]> {
  const rows = rules.map((rule) => ({ ...rule, id: newId("rule") }));
  await database.batch([
    ...["signal_rules", "metric_samples", "signal_changes", "signals"].map((table) =>
      database.prepare(`DELETE FROM ${table}`),
    ),
    ...rows.map((rule) =>
      database
        .prepare(
          `INSERT INTO signal_rules (id, metric, operator, threshold, duration_seconds, severity,
            active, created_at, updated_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 1)`,
        )
        .bind(
          rule.id,
          rule.metric,
          rule.operator,
          rule.threshold,
          rule.durationSeconds,
          rule.severity,
          rule.active ? 1 : 0,
        ),
    ),
  ]);
  return rows;
}

function playerOf(house: RuleHouse, rules: ReferenceRule[]): Player {
  return {
    take: house.take,
    evaluate: async () => {
      await house.evaluate();
      // What it leaves, it rings for.
      while (house.sent().some(({ body }) => body.job === "signals.evaluate")) {
        await house.evaluate();
      }
    },
    resolve: async (key) => {
      const open = (await house.signals()).find(
        (signal) => signal.dedupe_key === key && signal.status !== "resolved",
      );
      if (!open) return;
      const reply = await house.ask("POST", `/signals/${open.id}/resolve`, {});
      expect(reply.status, reply.text).toBe(200);
    },
    change: async (place, changes) => {
      const reply = await house.ask("PUT", `/signal-rules/${rules[place]?.id}`, changes);
      expect(reply.status, reply.text).toBe(200);
    },
    remove: async (place) => {
      const reply = await house.ask("DELETE", `/signal-rules/${rules[place]?.id}`);
      expect(reply.status, reply.text).toBe(204);
    },
    add: async ({ durationSeconds, ...spec }) => {
      const input = { ...spec, duration_seconds: durationSeconds };
      rules.push({ ...spec, durationSeconds, id: await house.addRule(input) });
    },
  };
}

/** The stored signals as the reference tells them. */
function byKey(stored: readonly StoredSignal[]): Record<string, ReferenceSignal[]> {
  const signals: Record<string, ReferenceSignal[]> = {};
  for (const signal of stored) {
    const end = ENDS[String(signal.resolved_by)] ?? "hand";
    expect(signal.changes).toEqual(end === "open" ? ["opened"] : ["opened", "resolved"]);
    signals[signal.dedupe_key] ??= [];
    signals[signal.dedupe_key]?.push({
      by: signal.rule_id,
      occurrences: signal.occurrences,
      value: signal.metric_value,
      at: signal.last_seen_at,
      end,
    });
  }
  return signals;
}

async function statesOf({ database }: RuleHouse, rules: readonly ReferenceRule[]) {
  const rows = await database
    .prepare("SELECT id, breached_since, last_sample_at FROM signal_rules")
    .raw<[string, number | null, number | null]>();
  const known = new Map(rows.map(([id, ...state]) => [id, state]));
  return rules.map(({ id }) => known.get(id));
}

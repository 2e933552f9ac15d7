/** What rules do to signals, as somebody who reads the API sees it. */
import { beforeEach, describe, expect, it } from "vitest";
import { EVALUATE } from "../../../src/features/rules/index.ts";
import { lookForSamples } from "../../../src/features/signals/evaluate.service.ts";
import { chores } from "../../../src/registry.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { eachSecond, type RuleHouse, ruleHouse } from "../../support/evaluations.ts";
import { showFigures } from "../../support/figures.ts";
import { ring } from "../../support/worker.ts";

standingClock();
let house: RuleHouse;
/** Some time ago: what is measured now would not be late after it. */
let from: number;
beforeEach(async () => {
  house = await ruleHouse();
  from = Date.now() - 10 * MINUTE;
});

const rule = async (id: string) => (await house.ask("GET", `/signal-rules/${id}`)).json;
const iso = (ms: number) => new Date(ms).toISOString();
/** Takes values in, a second after each other, and evaluates. */
async function measure(values: readonly number[], at = from): Promise<void> {
  await house.take(eachSecond(values, at));
  await house.evaluate();
}

describe("a breach", () => {
  it("that lasts opens a signal, which its end resolves", async () => {
    const id = await house.addRule({ duration_seconds: 2 });
    await measure([5, 11, 12]);
    expect(await house.signals()).toEqual([]);
    expect(await rule(id)).toMatchObject({
      breached_since: iso(from + SECOND),
      last_sample_at: iso(from + 2 * SECOND),
    });
    await measure([13, 14, 15], from + 3 * SECOND);
    const { json } = await house.ask("GET", "/signals");
    expect(json.data).toHaveLength(1);
    expect(json.data[0]).toMatchObject({
      source: "rule",
      kind: "metric:load",
      severity: "high",
      status: "open",
      title: "load > 10 for 2 s",
      description: `load was 13; the breach began at ${iso(from + SECOND)}.`,
      metric: "load",
      metric_value: 15,
      occurrences: 3,
      rule_id: id,
      last_seen_at: iso(from + 5 * SECOND),
    });
    await measure([10], from + 6 * SECOND);
    expect((await house.ask("GET", `/signals/${json.data[0].id}`)).json).toMatchObject({
      status: "resolved",
      resolved_by: "recovery",
      metric_value: 15,
    });
    expect(await rule(id)).toMatchObject({
      breached_since: null,
      last_sample_at: iso(from + 6 * SECOND),
    });
    const [signal] = await house.signals();
    expect(signal?.changes).toEqual(["opened", "resolved"]);
    expect(await house.waiting()).toBe(0);
  });

  it("that is over before anybody evaluates leaves a resolved signal, and both its events", async () => {
    const url = "https://hooks.example.com/in";
    expect((await house.ask("POST", "/destinations", { url })).status).toBe(201);
    await house.addRule({ severity: "critical" });
    house.sent();
    await measure([11, 12, 9, 13, 8, 14]);
    const signals = await house.signals();
    expect(
      signals.map(({ status, occurrences, changes }) => [status, occurrences, changes]),
    ).toEqual([
      ["resolved", 2, ["opened", "resolved"]],
      ["resolved", 1, ["opened", "resolved"]],
      ["open", 1, ["opened"]],
    ]);
    const types = await house.database
      .prepare("SELECT type, subject FROM events ORDER BY rowid")
      .raw();
    const [first, second, third] = signals.map(({ id }) => id);
    expect(types).toEqual([
      ["signal.opened", first],
      ["signal.resolved", first],
      ["signal.opened", second],
      ["signal.resolved", second],
      ["signal.opened", third],
    ]);
    expect(house.sent().map(({ body }) => body.job)).toEqual(["destinations.deliver"]);
    const audit = await house.database
      .prepare("SELECT action, target FROM audit_log WHERE target = ? ORDER BY seq")
      .bind(first)
      .raw();
    expect(audit.map(([action]) => action)).toEqual(["signal.opened", "signal.resolved"]);
  });

  it("whose signal somebody resolves is followed by another at the next value", async () => {
    await house.addRule();
    await measure([11]);
    const [first] = await house.signals();
    expect((await house.ask("POST", `/signals/${first?.id}/resolve`, {})).status).toBe(200);
    await house.evaluate();
    expect(await house.signals()).toHaveLength(1);
    await measure([12, 13], from + SECOND);
    const signals = await house.signals();
    expect(signals.map(({ status, occurrences }) => [status, occurrences])).toEqual([
      ["resolved", 1],
      ["open", 2],
    ]);
    expect(signals[0]?.resolved_by).toContain(house.tenant.admin.id);
  });

  it("that goes on leaves somebody who acknowledges its signal no race to lose", async () => {
    await house.addRule();
    await measure([11]);
    const [before] = await house.signals();
    const path = `/signals/${before?.id}`;
    const version = async () => (await house.ask("GET", path)).headers.get("etag")?.split(".")[0];
    const read = await version();
    await measure([12, 13], from + SECOND);
    expect(await version()).toBe(read);
    expect((await house.ask("POST", `${path}/acknowledge`)).status).toBe(200);
    await measure([14], from + 5 * SECOND);
    const [after] = await house.signals();
    expect([after?.status, after?.occurrences]).toEqual(["acknowledged", 4]);
  });

  it("that two rules see has one signal, resolved by the rule that opened it", async () => {
    const first = await house.addRule({ threshold: 10 });
    const second = await house.addRule({ threshold: 20 });
    await measure([15, 25]);
    const [signal, ...others] = await house.signals();
    expect([others, signal?.rule_id, signal?.occurrences]).toEqual([[], first, 2]);
    expect(await rule(second)).toMatchObject({ breached_since: iso(from + SECOND) });
    // The second rule's breach is over; the first rule's goes on.
    await measure([16], from + 2 * SECOND);
    expect((await house.signals())[0]?.status).toBe("open");
    await measure([9], from + 3 * SECOND);
    expect((await house.signals())[0]?.status).toBe("resolved");
  });

  it("of something else is another signal: metrics, severities and operators are apart", async () => {
    await house.addRule({ severity: "high" });
    await house.addRule({ severity: "low" });
    await house.addRule({ metric: "memory", operator: "<", threshold: 1 });
    await house.take([
      { metric: "load", value: 11, at: from },
      { metric: "memory", value: 0.5, at: from },
      { metric: "disk", value: 99, at: from },
    ]);
    await house.evaluate();
    expect((await house.signals()).map(({ dedupe_key }) => dedupe_key).sort()).toEqual([
      "rule:load:high",
      "rule:load:low",
      "rule:memory:high",
    ]);
  });

  it("is the less urgent the longer ago it was, and the more the more there are", async () => {
    await house.addRule({ severity: "high", metric: "old" });
    await house.addRule({ severity: "high", metric: "new" });
    await house.addRule({ severity: "low", metric: "new" });
    const now = Date.now();
    await house.take([
      { metric: "old", value: 11, at: now - 90 * SECOND },
      { metric: "new", value: 11, at: now },
    ]);
    await house.evaluate();
    const scores = (await house.signals()).map((each) => [each.dedupe_key, each.risk_score]);
    // 10·ln(1 + weight·frequency·recency), recency 0.75 halfway through the window of 3 minutes.
    const score = (product: number) => Math.round(1_000 * Math.log(1 + product)) / 100;
    const { "rule:old:high": old, ...rest } = Object.fromEntries(scores);
    expect(old).toBe(score(3 * 1 * 0.75));
    expect([rest["rule:new:high"], rest["rule:new:low"]]).toEqual([score(3), score(1 * 2)]);
  });
});

describe("a rule that is changed", () => {
  it.each([
    ["threshold", { threshold: 11 }],
    ["operator", { operator: "<", threshold: 30 }],
    ["duration", { duration_seconds: 3 }],
    ["metric", { metric: "load.other" }],
  ])("in its %s begins anew", async (_, changes) => {
    const id = await house.addRule({ duration_seconds: 2 });
    await measure([12, 13]);
    expect((await house.ask("PUT", `/signal-rules/${id}`, changes)).json).toMatchObject({
      ...changes,
      breached_since: null,
      last_sample_at: null,
    });
    expect(await rule(id)).toMatchObject({ breached_since: null, last_sample_at: null });
    const metric = (changes as { metric?: string }).metric ?? "load";
    await house.take(eachSecond([14], from + 2 * SECOND, metric));
    await house.evaluate();
    expect(await house.signals()).toEqual([]);
    expect(await rule(id)).toMatchObject({ breached_since: iso(from + 2 * SECOND) });
  });

  it("in its severity alone goes on, and opens a signal of that one too", async () => {
    const id = await house.addRule();
    await measure([12]);
    await house.ask("PUT", `/signal-rules/${id}`, { severity: "critical" });
    expect(await rule(id)).toMatchObject({ breached_since: iso(from) });
    await measure([13], from + SECOND);
    expect((await house.signals()).map(({ dedupe_key }) => dedupe_key)).toEqual([
      "rule:load:high",
      "rule:load:critical",
    ]);
    await measure([1], from + 2 * SECOND);
    expect((await house.signals()).map(({ status }) => status)).toEqual(["resolved", "resolved"]);
  });

  const ENDS: [string, (id: string) => Promise<unknown>][] = [
    ["switched off", (id) => house.ask("PUT", `/signal-rules/${id}`, { active: false })],
    ["removed", (id) => house.ask("DELETE", `/signal-rules/${id}`)],
    ["given another metric", (id) => house.ask("PUT", `/signal-rules/${id}`, { metric: "memory" })],
  ];

  it.each(ENDS)(
    "by being %s judges nothing that waits, and leaves its signal to somebody",
    async (_, end) => {
      const id = await house.addRule();
      await measure([11]);
      await house.take(eachSecond([1, 20], from + SECOND));
      await end(id);
      await house.evaluate();
      expect(await house.waiting()).toBe(0);
      const [signal, ...others] = await house.signals();
      expect([others, signal?.status, signal?.occurrences]).toEqual([[], "open", 1]);
      // Nobody watches any more, so nothing is kept.
      await house.take(eachSecond([1], from + 5 * SECOND));
      expect(await house.waiting()).toBe(0);
      expect((await house.ask("POST", `/signals/${signal?.id}/resolve`, {})).status).toBe(200);
    },
  );

  it.each(ENDS)("by being %s does not mute the next of its metric and severity", async (_, end) => {
    const first = await house.addRule();
    await measure([50]);
    await end(first);
    const second = await house.addRule();
    await measure([60, 5, 70, 1], from + SECOND);
    expect(
      (await house.signals()).map((each) => [each.rule_id, each.occurrences, each.resolved_by]),
    ).toEqual([
      [first, 2, "recovery"],
      [second, 1, "recovery"],
    ]);
  });

  it.each(ENDS)("by being %s leaves its signal to one that shared it", async (_, end) => {
    const first = await house.addRule();
    const second = await house.addRule({ threshold: 20 });
    await measure([30]);
    await end(first);
    await measure([15, 40], from + SECOND);
    expect((await house.signals()).map(({ rule_id, status }) => [rule_id, status])).toEqual([
      [first, "resolved"],
      [second, "open"],
    ]);
  });

  it("by being switched on again begins anew, and resolves what it had opened", async () => {
    const id = await house.addRule();
    await measure([11]);
    for (const active of [false, true]) {
      await house.ask("PUT", `/signal-rules/${id}`, { active });
    }
    expect(await rule(id)).toMatchObject({ breached_since: null, last_sample_at: null });
    await measure([2], from - MINUTE);
    expect((await house.signals())[0]?.status).toBe("resolved");
  });
});

describe("values", () => {
  it("that come too late are not judged; those of the same time are", async () => {
    await house.addRule();
    await measure([1], from);
    await measure([20], from - 1);
    expect(await house.signals()).toEqual([]);
    await measure([20], from);
    expect(await house.signals()).toHaveLength(1);
    await measure([1], from - 1);
    expect((await house.signals())[0]?.status).toBe("open");
  });

  it("of the future count as measured now, so that nobody else's come too late", async () => {
    const id = await house.addRule();
    await measure([1], Date.now() + 5 * MINUTE);
    expect(await rule(id)).toMatchObject({ last_sample_at: iso(Date.now()) });
    await measure([11], Date.now());
    expect(await house.signals()).toHaveLength(1);
  });

  it("are kept to the last bit", async () => {
    await house.addRule({ threshold: 0.3 });
    await measure([0.1 + 0.2]);
    expect((await house.signals()).map(({ metric_value }) => metric_value)).toEqual([0.1 + 0.2]);
  });

  it.each([Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, 1e21])(
    "as far out as %d are judged, and hold up none after them",
    async (value) => {
      await house.addRule({ operator: value < 0 ? "<" : ">", threshold: 0 });
      await measure([value]);
      await measure([0], from + SECOND);
      expect(await house.waiting()).toBe(0);
      expect((await house.signals()).map((each) => [each.metric_value, each.status])).toEqual([
        [value, "resolved"],
      ]);
    },
  );

  it("of events ring for an evaluation, which the consumer does", async () => {
    await house.addRule();
    const actor = await house.ask("POST", "/actors", { type: "system", name: "Probe" });
    expect(actor.status, actor.text).toBe(201);
    const post = async (metadata: object) => {
      const body = { actor_id: actor.json.id, event_type: "probe", metadata };
      const reply = await house.ask("POST", "/events", body);
      expect(reply.status, reply.text).toBe(201);
      return house.sent().filter(({ body }) => body.job === EVALUATE.name);
    };
    expect(await post({ load: "11", memory: 12, nested: { load: 13 } })).toEqual([]);
    expect(await house.waiting()).toBe(0);
    const bells = await post({ load: 11, memory: 12 });
    expect(bells).toHaveLength(1);
    expect(await house.waiting()).toBe(1);
    expect(await ring(bells.map(({ body }) => body))).toEqual([]);
    expect(await house.waiting()).toBe(0);
    const { json } = await house.ask("GET", "/signals?source=rule");
    expect(json.data.map((each: { title: string }) => each.title)).toEqual(["load > 10"]);
  });

  it("that no doorbell was rung for are found by the clock", async () => {
    expect(chores.find(({ run }) => run === lookForSamples)?.rounds).toEqual(["sweep", "idle"]);
    await house.addRule();
    await lookForSamples(await house.ctx());
    expect(house.sent()).toEqual([]);
    await house.take(eachSecond([11], from));
    await lookForSamples(await house.ctx());
    expect(house.sent().map(({ queue, body }) => [queue, body.job])).toEqual([
      ["doorbells", EVALUATE.name],
    ]);
  });

  it("of a flood are judged in pieces, by one doorbell after the other", async ({ task }) => {
    const id = await house.addRule();
    // Each value opens a signal or resolves one.
    const values = Array.from({ length: 300 }, (_, nth) => (nth % 2 ? 5 : 15));
    await house.take(eachSecond(values, from));
    let runs = 0;
    for (let rung = true; rung; runs++) {
      house.sent();
      await house.evaluate();
      rung = house.sent().some(({ body }) => body.job === EVALUATE.name);
    }
    expect(await house.waiting()).toBe(0);
    const signals = await house.signals();
    expect(signals).toHaveLength(150);
    expect(signals.every(({ status, rule_id }) => status === "resolved" && rule_id === id)).toBe(
      true,
    );
    expect(runs).toBeGreaterThan(1);
    showFigures(task, `300 values that each change a signal: judged by ${runs} doorbells`);
  });
});

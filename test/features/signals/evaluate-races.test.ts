/** Several who evaluate at once, rules that change meanwhile, and evaluations that end on the way. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { EVALUATE } from "../../../src/features/rules/index.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { type Around, LOST_TEXTS } from "../../support/d1.ts";
import { eachSecond, type RuleHouse, ruleHouse } from "../../support/evaluations.ts";
import { faultyLine } from "../../support/faults.ts";
import { showFigures } from "../../support/figures.ts";
import { seededRandom } from "../../support/random.ts";
import { times } from "../../support/registration.ts";
import { wrapAll } from "../../support/worker.ts";

let house: RuleHouse;
let from: number;
beforeEach(async () => {
  house = await ruleHouse();
  from = Date.now() - 600_000;
});

const isReading = (sql: readonly string[]) => sql.some((each) => /WITH waiting/.test(each));
const isJudging = (sql: readonly string[]) =>
  sql.some((each) => /^delete from "metric_samples"/i.test(each));
const between = (around: Around): Partial<Bindings> => wrapAll(() => around);

/** How many samples were judged, by the audit log. */
async function judged(): Promise<number> {
  const sum = await house.database
    .prepare(
      `SELECT sum(count) AS n FROM audit_sums WHERE sum_key IN
        (SELECT sum_key FROM audit_log WHERE action = 'metric_samples.judged')`,
    )
    .first<number>("n");
  return sum ?? 0;
}

describe("many who evaluate the same samples", () => {
  it("judge each once: all but one lose, and see that nothing is left", async ({ task }) => {
    const AT_ONCE = 8;
    await house.addRule({ severity: "critical" });
    await house.take(eachSecond([11, 12, 9, 13], from));
    // Nobody commits before all have read.
    const read = { waiting: 0, all: Promise.withResolvers<void>() };
    let commits = 0;
    const bindings = between(async (trip, run) => {
      const result = await run();
      if (isJudging(trip.sql)) commits += 1;
      if (isReading(trip.sql) && ++read.waiting === AT_ONCE) read.all.resolve();
      if (isReading(trip.sql)) await read.all.promise;
      return result;
    });
    await Promise.all(times(AT_ONCE, () => house.evaluate(bindings)));
    expect(commits).toBe(1);
    expect(await judged()).toBe(4);
    const signals = await house.signals();
    expect(signals.map(({ status, occurrences }) => [status, occurrences])).toEqual([
      ["resolved", 2],
      ["open", 1],
    ]);
    showFigures(task, `${AT_ONCE} at once: ${commits} committed, ${read.waiting} reads`);
  });

  it("while twenty record events leave one signal that counts every one", async ({ task }) => {
    const POSTS = 20;
    const ROUNDS = 2;
    await house.addRule();
    const actor = await house.ask("POST", "/actors", { type: "system", name: "Probe" });
    // One time for all, so that none is late whichever comes first.
    const timestamp = new Date(from).toISOString();
    const post = async (load: number) => {
      const body = { actor_id: actor.json.id, event_type: "probe", timestamp, metadata: { load } };
      const reply = await house.ask("POST", "/events", body);
      expect(reply.status, reply.text).toBe(201);
    };
    let evaluations = 0;
    const evaluate = async () => {
      for (const { body } of house.sent().filter(({ body }) => body.job === EVALUATE.name)) {
        evaluations += 1;
        expect(body.tenant_id).toBe(house.tenant.id);
        await house.evaluate();
      }
    };
    for (let round = 0; round < ROUNDS; round++) {
      const posts = times(POSTS, async (nth) => {
        await post(11 + nth);
        await evaluate();
      });
      await Promise.all([...posts, house.evaluate(), house.evaluate()]);
      await evaluate();
    }
    expect(await house.waiting()).toBe(0);
    expect(await judged()).toBe(POSTS * ROUNDS);
    const [signal, ...others] = await house.signals();
    expect([others, signal?.status, signal?.occurrences]).toEqual([[], "open", POSTS * ROUNDS]);
    showFigures(
      task,
      `${POSTS * ROUNDS} events by ${POSTS} at once, ${evaluations} doorbells: one signal that was seen ${signal?.occurrences} times`,
    );
  });
});

describe("a sample that comes between the look and the commit", () => {
  it("waits for whoever evaluates next", async () => {
    await house.addRule();
    await house.take(eachSecond([11], from));
    let came = 0;
    const bindings = between(async (trip, run) => {
      if (isJudging(trip.sql) && came++ === 0) await house.take(eachSecond([12], from + 1_000));
      return run();
    });
    await house.evaluate(bindings);
    expect([came, await house.waiting()]).toEqual([1, 1]);
    expect((await house.signals()).map(({ occurrences }) => occurrences)).toEqual([1]);
    await house.evaluate();
    expect((await house.signals()).map(({ occurrences }) => occurrences)).toEqual([2]);
    expect(await house.waiting()).toBe(0);
  });
});

describe("a rule that changes between the look and the commit", () => {
  it.each<[string, (id: string) => Promise<unknown>, number]>([
    ["gets a higher threshold", (id) => put(id, { threshold: 50 }), 0],
    ["is switched off", (id) => put(id, { active: false }), 0],
    ["is removed", (id) => house.ask("DELETE", `/signal-rules/${id}`), 0],
    ["becomes critical", (id) => put(id, { severity: "critical" }), 1],
  ])("%s, and is held against the samples as it is now", async (_, change, opened) => {
    const id = await house.addRule();
    await house.take(eachSecond([11], from));
    let changes = 0;
    const bindings = between(async (trip, run) => {
      if (isJudging(trip.sql) && changes++ === 0) await change(id);
      return run();
    });
    await house.evaluate(bindings);
    expect(changes).toBe(2);
    expect(await house.waiting()).toBe(0);
    const signals = await house.signals();
    expect(signals).toHaveLength(opened);
    for (const { severity } of signals) expect(severity).toBe("critical");
  });

  it("again and again is left to the next doorbell", async () => {
    const id = await house.addRule();
    await house.take(eachSecond([11], from));
    house.sent();
    let threshold = 20;
    const bindings = between(async (trip, run) => {
      if (isJudging(trip.sql)) await put(id, { threshold: threshold++ });
      return run();
    });
    await house.evaluate(bindings);
    expect(threshold).toBe(26);
    expect(house.sent().map(({ body }) => body.job)).toEqual([EVALUATE.name]);
    expect(await house.waiting()).toBe(1);
    await put(id, { threshold: 10 });
    await house.evaluate();
    expect(await house.signals()).toHaveLength(1);
  });

  const put = (id: string, body: object) => house.ask("PUT", `/signal-rules/${id}`, body);
});

describe("an evaluation that ends on the way", () => {
  it("before its commit has done nothing, and the next does it all", async () => {
    await measure();
    const reached = Promise.withResolvers<void>();
    const bindings = between((trip, run) => {
      if (!isJudging(trip.sql)) return run();
      reached.resolve();
      return new Promise(() => {});
    });
    void house.evaluate(bindings);
    await reached.promise;
    await expectNothingDone();
  });

  it("in a commit that never arrives has done nothing, and the next does it all", async () => {
    await measure();
    let lost = 0;
    const bindings = between(async (trip, run) => {
      if (!isJudging(trip.sql)) return run();
      lost += 1;
      throw new Error(LOST_TEXTS[0]);
    });
    await captureLogs(() => expect(house.evaluate(bindings)).rejects.toThrow("not known"));
    // The commit tries three times more by itself.
    expect(lost).toBe(4);
    await expectNothingDone();
  });

  async function measure() {
    await house.addRule({ duration_seconds: 1 });
    await house.take(eachSecond([11, 12, 13], from));
  }
  async function expectNothingDone() {
    expect([await house.signals(), await house.waiting()]).toEqual([[], 3]);
    await house.evaluate();
    const [signal] = await house.signals();
    expect([signal?.occurrences, await house.waiting()]).toEqual([2, 0]);
  }

  it("or seems to, over a line that loses connections: each sample is judged once", async ({
    task,
  }) => {
    const random = seededRandom("evaluations over a faulty line");
    await house.addRule();
    let taken = 0;
    let failed = 0;
    const line = faultyLine(random, { batch: 0.4, read: 0.2 });
    await captureLogs(async () => {
      for (let round = 0; round < 25; round++) {
        await house.take(eachSecond([11, 12, 13], from + round * 3_000));
        taken += 3;
        const evaluations = times(3, () =>
          house.evaluate(between(line.around)).catch(() => {
            failed += 1;
          }),
        );
        await Promise.all(evaluations);
      }
      await line.settled();
      await house.evaluate();
    });
    expect(await house.waiting()).toBe(0);
    const [signal, ...others] = await house.signals();
    expect([others, signal?.occurrences]).toEqual([[], taken]);
    expect(await judged()).toBe(taken);
    expect(line.batches()).toBeGreaterThan(0);
    showFigures(
      task,
      `${taken} samples, ${line.batches()} batches cut off, ${failed} evaluations failed: all judged once`,
    );
  });
});

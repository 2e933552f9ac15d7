/** Random lives of a circuit breaker, told to a breaker and to the plain reference at once. */
import fc from "fast-check";
import { expect } from "vitest";
import type { BreakerOptions, BreakerView } from "../../src/platform/breaker/index.ts";
import type { BreakerRules } from "../../src/platform/breaker/options.ts";
import {
  answered,
  ask,
  hear,
  judged,
  limit,
  newReference,
  openRange,
  type Reference,
  settle,
} from "./breaker-reference.ts";

/** The breaker that is tried. */
export interface Subject {
  setTime(now: number): void;
  evict(): Promise<void>;
  acquire(
    call: { id: string; callMs: number } & BreakerRules,
  ): Promise<{ isPermitted: boolean; epoch: number }>;
  report(
    call: {
      id: string;
      epoch: number;
      outcome: "success" | "failure" | "ignored";
      durationMs: number;
    } & BreakerRules,
  ): Promise<unknown>;
  view(rules: BreakerRules): Promise<BreakerView>;
}

/** The reference, and what its callers remember. */
interface Life extends Reference {
  made: number;
  /** Calls under way, with the epoch that each side gave them. */
  underway: { id: string; epoch: number; subjectEpoch: number }[];
  lastReport: { id: string; epoch: number; subjectEpoch: number } | null;
}

type Command = fc.AsyncCommand<Life, Subject>;
type Outcome = "success" | "failure" | "ignored";

const CALL_MS = 2_000;
/** What the object adds before a permit counts as lost. */
const LEASE_MS = CALL_MS + 5_000;
const START = Date.UTC(2026, 0, 1);

export function newLife(options: BreakerOptions, transitions: Map<string, number>): Life {
  const reference = newReference(options, START, transitions);
  return { ...reference, made: 0, underway: [], lastReport: null };
}

/** Small numbers, so that a short life sees everything. */
export const breakerOptions: fc.Arbitrary<BreakerOptions> = fc.record(
  {
    sliding_window_type: fc.constantFrom("count" as const, "time" as const),
    sliding_window_size: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 61, max: 90 })),
    minimum_calls: fc.integer({ min: 1, max: 6 }),
    failure_rate_threshold: fc.constantFrom(1, 25, 33, 50, 67, 100),
    slow_call_rate_threshold: fc.constantFrom(1, 50, 100),
    slow_call_duration_ms: fc.constant(100),
    open_ms: fc.constantFrom(100, 1_000),
    open_max_ms: fc.constantFrom(1_000, 5_000),
    permitted_calls_in_half_open: fc.integer({ min: 1, max: 3 }),
    slow_start_ms: fc.constantFrom(0, 500, 3_000),
  },
  // As JSON has them: an object is told nothing else.
  { noNullPrototype: true },
);

function told(life: Life): BreakerRules {
  return { options: life.options, order: life.order };
}

/** Both must show the same after every command. */
async function compare(life: Life, subject: Subject): Promise<void> {
  const view = await subject.view(told(life));
  settle(life);
  const { calls, failed, slow, failureRate, slowRate } = judged(life);
  const { sliding_window_type: type, sliding_window_size: size, minimum_calls } = life.options;
  const enough = type === "count" ? Math.min(size, minimum_calls) : minimum_calls;
  const isKnown = calls >= (life.state === "half_open" ? 1 : enough);
  if (life.state === "open" && Number.isNaN(life.until)) {
    const [least, most] = openRange(life);
    expect(view.retry_in_ms).toBeGreaterThanOrEqual(Math.floor(least));
    expect(view.retry_in_ms).toBeLessThanOrEqual(most);
    life.until = life.now + (view.retry_in_ms ?? 0);
  }
  const shown = life.state === "closed" || life.state === "half_open";
  expect(view).toMatchObject({
    state: life.state,
    since: new Date(life.since).toISOString(),
    openings: life.openings,
    order_version: life.version,
    retry_in_ms: life.state === "open" ? Math.max(0, life.until - life.now) : null,
    half_open_permits_in_use: life.permits.size,
    ...(shown && {
      calls,
      failed_calls: failed,
      slow_calls: slow,
      failure_rate: isKnown ? failureRate : null,
      slow_call_rate: isKnown ? slowRate : null,
    }),
  });
  if (life.recovering) {
    expect(view.slow_start_calls_per_second).toBeCloseTo(limit(life), 6);
  } else expect(view.slow_start_calls_per_second).toBeNull();
}

async function acquireAs(life: Life, subject: Subject, id: string): Promise<void> {
  const expected = ask(life, id);
  const answer = await subject.acquire({ id, callMs: CALL_MS, ...told(life) });
  if (expected !== "either") expect(answer.isPermitted, `permitted ${id}`).toBe(expected === "yes");
  answered(life, id, LEASE_MS, answer.isPermitted);
  const isNew = !life.underway.some((call) => call.id === id);
  if (answer.isPermitted && isNew) {
    life.underway.push({ id, epoch: life.epoch, subjectEpoch: answer.epoch });
  }
  await compare(life, subject);
}

function command(name: string, run: (life: Life, subject: Subject) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}

const acquiring = fc.constant(
  command("acquire", (life, subject) => acquireAs(life, subject, `call-${life.made++}`)),
);

/** As the platform does when an answer was lost. */
const acquiringAgain = fc.constant<Command>({
  check: ({ underway, state }) => underway.length > 0 && state === "half_open",
  run: (life, subject) => acquireAs(life, subject, life.underway.at(-1)?.id ?? ""),
  toString: () => "acquire again",
});

async function reportAs(
  life: Life,
  subject: Subject,
  call: NonNullable<Life["lastReport"]>,
  how: { readonly outcome: Outcome; readonly durationMs: number },
): Promise<void> {
  const { id, epoch, subjectEpoch } = call;
  hear(life, epoch, { id, ...how });
  await subject.report({ id, epoch: subjectEpoch, ...how, ...told(life) });
  life.lastReport = call;
  await compare(life, subject);
}

const ending = fc.record({
  outcome: fc.constantFrom<Outcome>("success", "failure", "success", "failure", "ignored"),
  durationMs: fc.constantFrom(0, 1, 50, 98, 99, 100),
});

const reporting = fc.tuple(fc.nat(20), ending).map(
  ([nth, how]): Command => ({
    check: ({ underway }) => underway.length > 0,
    async run(life, subject) {
      const [call] = life.underway.splice(nth % life.underway.length, 1);
      if (call) await reportAs(life, subject, call, how);
    },
    toString: () => `report ${nth} ${how.outcome} ${how.durationMs} ms`,
  }),
);

const calling = ending.map((how) =>
  command(`call ${how.outcome} ${how.durationMs} ms`, async (life, subject) => {
    const id = `call-${life.made++}`;
    await acquireAs(life, subject, id);
    const call = life.underway.at(-1);
    if (call?.id !== id) return;
    life.underway.pop();
    await reportAs(life, subject, call, how);
  }),
);

const reportingAgain = fc.constantFrom<Outcome>("success", "failure").map(
  (outcome): Command => ({
    check: ({ lastReport }) => lastReport !== null,
    async run(life, subject) {
      if (!life.lastReport) return;
      await reportAs(life, subject, life.lastReport, { outcome, durationMs: 50 });
    },
    toString: () => `report again ${outcome}`,
  }),
);

/** In ms, or as a share of what the breaker itself waits for. */
const passing = fc
  .oneof(
    fc.integer({ min: 1, max: 400 }).map((ms) => () => ms),
    fc.integer({ min: 1_000, max: 20_000 }).map((ms) => () => ms),
    fc.constantFrom(-1, 0, 1).map((off) => (life: Life) => life.until - life.now + off),
    fc.constantFrom(-1, 0, 1).map((off) => (life: Life) => {
      const [endsAt = life.now] = life.permits.values();
      return endsAt - life.now + off;
    }),
    fc.constantFrom(-1, 0, 1_000, 260_000).map((off) => (life: Life) => {
      return life.since + life.options.slow_start_ms - life.now + off;
    }),
  )
  .map((length) =>
    command("pass", async (life, subject) => {
      const ms = length(life);
      life.now += Number.isFinite(ms) && ms > 0 ? Math.ceil(ms) : 1;
      subject.setTime(life.now);
      await compare(life, subject);
    }),
  );

/** Most are newer than the last; others are old letters, which nobody may follow. */
const ordering = fc
  .record({
    mode: fc.constantFrom("automatic" as const, "forced_open" as const, "disabled" as const),
    later: fc.constantFrom(-1, 0, 1, 2, 1),
  })
  .map(({ mode, later }) =>
    command(`order ${mode} ${later}`, async (life, subject) => {
      life.order = { mode, version: Math.max(0, life.version + later) };
      await compare(life, subject);
    }),
  );

const evicting = fc.constant(
  command("evict", async (life, subject) => {
    await subject.evict();
    await compare(life, subject);
  }),
);

/** @param evictions whether the breaker can be evicted */
export function breakerLives(size: number, evictions: boolean) {
  const often = (arbitrary: fc.Arbitrary<Command>, times: number) =>
    Array.from({ length: times }, () => arbitrary);
  return fc.commands<Life, Subject, false>(
    [
      ...often(acquiring, 6),
      ...often(reporting, 6),
      ...often(calling, 9),
      acquiringAgain,
      reportingAgain,
      ...often(passing, 7),
      ordering,
      ...(evictions ? often(evicting, 9) : []),
    ],
    { maxCommands: size, size: "max" },
  );
}

/** Tells one life to both. */
export async function live(
  life: Life,
  subject: Subject,
  commands: Iterable<fc.AsyncCommand<Life, Subject>>,
): Promise<void> {
  subject.setTime(life.now);
  await compare(life, subject);
  await fc.asyncModelRun(() => ({ model: life, real: subject }), commands);
}

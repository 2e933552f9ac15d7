/** A year of support with decays in it: each is found, in its week, and nothing else is. */
import { beforeAll, expect, it } from "vitest";
import { sumUpWeeks } from "../../../src/features/decay/decay.repository.ts";
import { findDecay, spansOf } from "../../../src/features/decay/decay.service.ts";
import { compareWeeks } from "../../../src/features/decay/decay.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { DAY, standingClock } from "../../support/clock.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { showFigures } from "../../support/figures.ts";
import { type Random, seededRandom } from "../../support/random.ts";
import { addActors, addEvents, type HappenedEvent, reply } from "../../support/support-replies.ts";
import { databaseOfTenant } from "../../support/worker.ts";

const WEEK = 7 * DAY;
const WEEKS = 52;
const SEVERITIES = [null, null, "low", "medium", "high"] as const;

/** How a week is made: the share of what is usual. */
interface Making {
  readonly volume: number;
  readonly time: number;
  readonly length: number;
  /** How many of the ten reply. */
  readonly people: number;
}

/** Far enough beyond the boundaries that no chance brings a week back. */
const DECAYS = [
  (random: Random) => ({ volume: 0.2 + 0.25 * random.next() }),
  (random: Random) => ({ time: 1.8 + random.next() }),
  (random: Random) => ({ length: 0.2 + 0.25 * random.next() }),
  (random: Random) => ({ people: 3 + Math.floor(3 * random.next()) }),
];

/** Each of the four and each combination, as bits. */
const COMBINATIONS = Array.from({ length: 15 }, (_, index) => index + 1);
const indicatorsIn = (combination: number) =>
  DECAYS.flatMap((decay, bit) => (combination & (1 << bit) ? [decay] : []));

const clock = standingClock();
const random = seededRandom("a year of support");
let tenant: TestTenant;
let database: D1Database;
let start: number;
let events: HappenedEvent[];
let support: Set<string>;
/** Week, and what decays in it. */
const planted = new Map<number, number>();

beforeAll(async () => {
  tenant = await newTenant();
  database = await databaseOfTenant(tenant.slug);
});

/** Any week after the first, with a usual one between two of them. */
function plant(): void {
  const left = [...COMBINATIONS];
  let spare = WEEKS - 2 - 2 * left.length;
  for (let week = 1; left.length > 0; week += 2) {
    const skipped = Math.floor(random.next() * Math.min(4, spare + 1));
    spare -= skipped;
    week += skipped;
    const combination = random.pick(left);
    left.splice(left.indexOf(combination), 1);
    planted.set(week, combination);
  }
}

/** A share that is usual: some percent up or down. */
const about = (share: number) => share * (0.97 + 0.06 * random.next());

function makeWeek(from: number, making: Making, people: readonly string[]): HappenedEvent[] {
  const replies = Math.round(100 * about(making.volume));
  const who = people.slice(0, making.people);
  return Array.from({ length: replies }, (_, nth) => {
    const spread = 0.8 + 0.4 * random.next();
    return reply(who[nth % who.length] ?? "", from + Math.floor(random.next() * WEEK), {
      response_time_sec: Math.round(600 * making.time * about(spread) * 10) / 10,
      message_length: Math.round(400 * making.length * about(spread)),
    });
  });
}

/** What is no reply of support, in any amount. */
function noise(from: number, people: readonly string[], others: readonly string[]) {
  return Array.from({ length: Math.floor(80 * random.next()) }, (): HappenedEvent => {
    const at = from + Math.floor(random.next() * WEEK);
    const metadata = { response_time_sec: 9_000 * random.next(), message_length: 1 };
    const kind = random.pick(["else", "nobody", "other"]);
    if (kind === "else") return { ...reply(random.pick(people), at, metadata), type: "login" };
    if (kind === "nobody") return { ...reply("", at, metadata), actorId: null };
    return reply(random.pick(others), at, metadata);
  });
}

async function makeYear(): Promise<void> {
  start = Date.now();
  plant();
  const people = await addActors(database, "support", 10);
  support = new Set(people);
  const others = [
    ...(await addActors(database, "manager", 2)),
    ...(await addActors(database, "system", 2)),
  ];
  events = Array.from({ length: WEEKS }, (_, week) => {
    const usual = { volume: 1, time: 1, length: 1, people: random.chance(0.5) ? 10 : 9 };
    const decays = indicatorsIn(planted.get(week) ?? 0).map((decay) => decay(random));
    const from = start + week * WEEK;
    const making = Object.assign({}, usual, ...decays);
    return [...makeWeek(from, making, people), ...noise(from, people, others)];
  }).flat();
  await addEvents(database, events);
}

/** The same comparison, by plain arithmetic on the events themselves. */
function reference(now: number): number | null {
  const [then, recent] = [now - WEEK, now].map((to) => {
    const replies = events.filter(
      ({ type, actorId, at }) =>
        type === "ticket_reply" && support.has(actorId ?? "") && at >= to - WEEK && at < to,
    );
    const mean = (member: string) => {
      const numbers = replies.map(({ metadata }) => Number(metadata[member]));
      return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    };
    const people = new Set(replies.map(({ actorId }) => actorId)).size;
    return {
      replies: replies.length,
      people,
      time: mean("response_time_sec"),
      length: mean("message_length"),
    };
  });
  if (!then || !recent || then.replies === 0) return null;
  return [
    10 * recent.replies <= 6 * then.replies,
    recent.time / then.time >= 1.3,
    recent.length / then.length <= 0.65,
    10 * recent.people <= 7 * then.people,
  ].filter(Boolean).length;
}

it("is found exactly where it was planted, week by week", async ({ task }) => {
  await makeYear();
  const opened: string[] = [];
  for (let week = 1; week < WEEKS; week += 1) {
    // The clock stands where the week ends.
    clock.pass(start + (week + 1) * WEEK - Date.now());
    await findDecay(await tenantCtx(tenant.slug));
    const { results } = await database
      .prepare("SELECT severity, description FROM signals WHERE resolved_at IS NULL")
      .all<{ severity: string; description: string }>();
    const decays = indicatorsIn(planted.get(week) ?? 0);
    const severity = SEVERITIES[decays.length] ?? null;
    const found = results.map((signal) => signal.severity);
    expect(found, `week ${week}`).toEqual(severity === null ? [] : [severity]);
    for (const { description } of results) {
      expect(description.match(/ (up|down) [\d.]+ %/g), description).toHaveLength(decays.length);
      opened.push(description);
    }
  }
  // Six pairs, four threes and all four.
  expect(opened).toHaveLength(11);
  const rows = await database
    .prepare("SELECT source, kind, status, occurrences, resolved_by FROM signals")
    .all();
  expect(rows.results).toHaveLength(11);
  for (const row of rows.results) {
    expect(row).toMatchObject({ source: "rule", kind: "support_decay", occurrences: 1 });
  }
  showFigures(
    task,
    `  ${events.length} events of ${WEEKS} weeks, 15 planted, 11 of them signals, such as`,
    `  ${opened[0]}`,
  );
});

it("is what plain arithmetic says, day by day", async ({ task }) => {
  const { db } = await tenantCtx(tenant.slug);
  const counts = [0, 0, 0, 0, 0];
  for (let now = start + DAY; now <= start + WEEKS * WEEK; now += DAY) {
    const { before, recent } = await sumUpWeeks(db, spansOf(new Date(now)), "support_decay");
    const verdict = compareWeeks(before, recent);
    const expected = reference(now);
    expect(verdict?.indicators.length ?? null, `day ${(now - start) / DAY}`).toBe(expected);
    expect(verdict?.severity ?? null).toBe(SEVERITIES[expected ?? 0] ?? null);
    counts[expected ?? 0] = (counts[expected ?? 0] ?? 0) + 1;
  }
  showFigures(task, `  days by indicators, none first: ${counts.join(", ")}`);
});

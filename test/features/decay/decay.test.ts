import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sumUpWeeks } from "../../../src/features/decay/decay.repository.ts";
import { findDecay, spansOf } from "../../../src/features/decay/decay.service.ts";
import { compareWeeks } from "../../../src/features/decay/decay.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { chores } from "../../../src/registry.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { DAY, standingClock } from "../../support/clock.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { watchPlans } from "../../support/plans.ts";
import { addActors, addEvents, type HappenedEvent, reply } from "../../support/support-replies.ts";
import { databaseOfTenant, openWorker, ring } from "../../support/worker.ts";

standingClock({ between: 20 * DAY });
const queues = keptQueues();
const { env } = openWorker(queues.bindings);
let tenant: TestTenant;
let database: D1Database;
let people: string[];
let manager: string;
beforeAll(async () => {
  tenant = await newTenant();
  database = await databaseOfTenant(tenant.slug);
  people = await addActors(database, "support", 10);
  [manager = ""] = await addActors(database, "manager", 1);
});
beforeEach(async () => {
  await database.batch(
    ["signal_changes", "signals", "events"].map((table) =>
      database.prepare(`DELETE FROM ${table}`),
    ),
  );
  queues.take();
});

const inside = async <T>(run: (ctx: TenantCtx) => Promise<T>) =>
  run(await tenantCtx(tenant.slug, env));
/** As the night's job does it. */
const night = () => inside(findDecay);
const compare = () =>
  inside(async ({ db }) => {
    const { before, recent } = await sumUpWeeks(db, spansOf(new Date()), "support_decay");
    return compareWeeks(before, recent)?.indicators ?? null;
  });
const signals = async () =>
  (
    await database
      .prepare("SELECT severity, status, occurrences, description FROM signals ORDER BY id")
      .all()
  ).results;
const changes = async () =>
  (await database.prepare("SELECT change FROM signal_changes ORDER BY seq").raw()).flat();

/** So many replies of the first so many people, so many days ago. */
function replies(many: number, by: number, daysAgo: number, metadata = {}): HappenedEvent[] {
  const at = Date.now() - daysAgo * DAY;
  return Array.from({ length: many }, (_, nth) => reply(people[nth % by] ?? "", at, metadata));
}
/** One reply of the first of them for each of these. */
const saying = (daysAgo: number, ...said: Record<string, unknown>[]) =>
  said.flatMap((metadata) => replies(1, 1, daysAgo, metadata));
const times = (daysAgo: number, ...values: unknown[]) =>
  saying(daysAgo, ...values.map((value) => ({ response_time_sec: value })));
const lengths = (daysAgo: number, ...values: unknown[]) =>
  saying(daysAgo, ...values.map((value) => ({ message_length: value })));

describe("two weeks are compared", () => {
  it.each<[string, () => HappenedEvent[], string[] | null]>([
    [
      "40 % fewer replies",
      () => [...replies(100, 10, 8), ...replies(60, 10, 1)],
      ["replies down 40 % (100 to 60)"],
    ],
    ["a bit less than that", () => [...replies(100, 10, 8), ...replies(61, 10, 1)], []],
    [
      "30 % fewer people",
      () => [...replies(10, 10, 8), ...replies(10, 7, 1)],
      ["people who reply down 30 % (10 to 7)"],
    ],
    ["a bit less than that", () => [...replies(10, 10, 8), ...replies(10, 8, 1)], []],
    [
      "replies that take 30 % longer, to the last bit",
      () => [...times(8, 0.1, 0.2), ...times(1, 0.19, 0.2)],
      ["mean response time up 30 % (0.15 to 0.195 s)"],
    ],
    ["a bit less than that", () => [...times(8, 0.1, 0.2), ...times(1, 0.189, 0.2)], []],
    [
      "messages that are 35 % shorter",
      () => [...lengths(8, 20, 20), ...lengths(1, 13, 13)],
      ["mean message length down 35 % (20 to 13 characters)"],
    ],
    ["a bit less than that", () => [...lengths(8, 20, 20), ...lengths(1, 13, 13.001)], []],
    ["more of everything good", () => [...replies(10, 5, 8), ...replies(90, 10, 1)], []],
    ["no replies in the week before", () => replies(5, 5, 1), null],
    ["none at all", () => [], null],
    [
      "none now",
      () => replies(5, 5, 8, { response_time_sec: 4, message_length: 9 }),
      ["replies down 100 % (5 to 0)", "people who reply down 100 % (5 to 0)"],
    ],
    ["times in one of the weeks alone", () => [...times(8, 1), ...lengths(1, 1)], []],
    [
      "of nothing there is no percentage",
      () => [
        ...saying(8, { response_time_sec: 0, message_length: 0 }),
        ...saying(1, { response_time_sec: 9, message_length: 0 }),
      ],
      [],
    ],
    [
      "what is no measurement is not measured",
      () => [
        ...times(8, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
        ...times(1, 0.5, "9", true, null, [9], { s: 9 }, -9, 1e9),
      ],
      [],
    ],
    ["the largest there are", () => [...times(8, 1e8, 1e8), ...times(1, 1e8, 1e8)], []],
    [
      "those that were no replies of support",
      () => [
        ...replies(10, 10, 8),
        ...replies(4, 4, 1),
        ...replies(10, 10, 1).map((event) => ({ ...event, type: "ticket_note" })),
        ...replies(10, 10, 1).map((event) => ({ ...event, actorId: manager })),
        ...replies(10, 10, 1).map((event) => ({ ...event, actorId: null })),
      ],
      ["replies down 60 % (10 to 4)", "people who reply down 60 % (10 to 4)"],
    ],
    [
      "a week ends before its last moment",
      () => [...replies(1, 1, 14), ...replies(9, 1, 7), ...replies(9, 1, 0)],
      [],
    ],
    [
      "what is older counts for nothing",
      () => [...replies(1, 1, 14.01), ...replies(9, 1, 7)],
      null,
    ],
  ])("%s", async (_, make, found) => {
    await addEvents(database, make());
    expect(await compare()).toEqual(found);
  });
});

describe("the signal", () => {
  /** Weeks in which so many indicators show. */
  const weeks = (many: number) => [
    ...replies(20, 10, 8, { response_time_sec: 100, message_length: 100 }),
    ...replies(10, many > 1 ? 5 : 9, 1, {
      response_time_sec: many > 2 ? 130 : 100,
      message_length: many > 3 ? 65 : 100,
    }),
  ];
  const have = async (many: number) => {
    await database.prepare("DELETE FROM events").run();
    await addEvents(
      database,
      many === 0 ? [...replies(9, 9, 8), ...replies(9, 9, 1)] : weeks(many),
    );
  };

  it("needs two, becomes as severe as it ever was, and is resolved by recovery", async () => {
    // From half as many replies by nine of ten people on, one more each time.
    for (const [many, severity, occurrences] of [
      [1, undefined, 0],
      [2, "low", 1],
      [2, "low", 2],
      [4, "high", 3],
      [3, "high", 4],
    ] as const) {
      await have(many);
      await night();
      const [signal, ...others] = await signals();
      expect(others).toEqual([]);
      expect(signal?.severity, `${many}`).toBe(severity);
      if (severity) expect(signal).toMatchObject({ status: "open", occurrences });
    }
    expect((await signals())[0]?.description).toMatch(
      /: replies down 50 % \(20 to 10\); mean response time up 30 % \(100 to 130 s\); people who reply down 50 % \(10 to 5\)\.$/,
    );
    // Nothing to compare with is no recovery.
    await database.prepare("DELETE FROM events").run();
    await night();
    expect(await signals()).toMatchObject([{ status: "open" }]);
    await have(1);
    await night();
    expect(await signals()).toMatchObject([{ severity: "high", status: "resolved" }]);
    expect(await changes()).toEqual(["opened", "escalated", "resolved"]);
    await have(0);
    await night();
    await have(2);
    await night();
    expect((await signals()).map(({ status }) => status)).toEqual(["resolved", "open"]);
  });

  it("is looked for at night, where there is something to compare with", async () => {
    const chore = chores.find(({ name }) => name === "signals.decay");
    expect(chore?.rounds).toEqual(["nightly"]);
    const look = () => inside((ctx) => chore?.run(ctx) ?? Promise.resolve());
    await addEvents(database, replies(3, 3, 1));
    await look();
    expect(queues.take()).toEqual([]);
    await have(2);
    await look();
    const bells = queues.take();
    expect(bells).toMatchObject([{ queue: "doorbells", body: { job: "signals.decay" } }]);
    expect(
      await ring(
        bells.map(({ body }) => body),
        "doorbells",
        env,
      ),
    ).toEqual([]);
    expect(await signals()).toMatchObject([{ severity: "low", status: "open" }]);
  });
});

it("goes by the events of the two weeks", async () => {
  const { bindings, plansOf } = watchPlans();
  await addEvents(database, [...replies(10, 10, 8), ...replies(3, 3, 1)]);
  const plans = await plansOf(async () => {
    const ctx = await tenantCtx(tenant.slug, { ...env, ...bindings });
    await chores.find(({ name }) => name === "signals.decay")?.run(ctx);
    await findDecay(ctx);
  }, /events_type_time/);
  expect(plans).toHaveLength(2);
  for (const { sql, plan } of plans) {
    expect(
      plan.filter((line) => /^SCAN (events|signals|actors)/.test(line)),
      sql,
    ).toEqual([]);
  }
  const searched = plans.flatMap(({ plan }) =>
    plan.filter((line) => /events_type_time/.test(line)),
  );
  // One for the look, two for the weeks.
  expect(searched).toHaveLength(3);
  for (const line of searched)
    expect(line).toContain("(type=? AND occurred_at>? AND occurred_at<?)");
});

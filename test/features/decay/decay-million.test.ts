/** What the comparison costs at a tenant with a million events: those of two weeks. */
import { expect, it } from "vitest";
import { findDecay } from "../../../src/features/decay/decay.service.ts";
import { newTenant } from "../../support/client.ts";
import { DAY, standingClock } from "../../support/clock.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { showFigures } from "../../support/figures.ts";
import { addActors } from "../../support/support-replies.ts";
import { bindings, DEEP, databaseOfTenant, firstValue, wrapAll } from "../../support/worker.ts";

const EVENTS = 1_000_000;
const CHUNK = 50_000;
/** One of so many is no reply. */
const OTHERS = 5;

standingClock();

/** Spread evenly over so many days until now; in the last week replies are shorter and take longer. */
async function fill(database: D1Database, days: number): Promise<void> {
  const people = await addActors(database, "support", 10);
  const now = Date.now();
  for (let from = 0; from < EVENTS; from += CHUNK) {
    await database
      .prepare(
        `WITH RECURSIVE nth(n) AS (SELECT CAST(?1 AS INTEGER)
          UNION ALL SELECT n + 1 FROM nth WHERE n + 1 < ?1 + ?2),
        happening AS (SELECT n, CAST(?3 - 1 - n * ?4 / ?5 AS INTEGER) AS at FROM nth)
        INSERT INTO events
          (id, type, source, source_id, actor_id, occurred_at, recorded_at, metadata)
        SELECT printf('event_%09d', n), CASE WHEN n % ?6 = 0 THEN 'login' ELSE 'ticket_reply' END,
          'api', printf('source_%09d', n), ?7 ->> (n % 10), at, at,
          CASE WHEN at >= ?8 THEN '{"response_time_sec":900.5,"message_length":100}'
            ELSE '{"response_time_sec":300.25,"message_length":400}' END
        FROM happening`,
      )
      .bind(from, CHUNK, now, days * DAY, EVENTS, OTHERS, JSON.stringify(people), now - 7 * DAY)
      .run();
  }
}

/** Rows that the comparison reads, and ms that the database takes for it. */
async function findCounting(slug: string): Promise<{ read: number; ms: number }> {
  const spent = { read: 0, ms: 0 };
  const watched = wrapAll(() => async (trip, run) => {
    const isComparison = trip.sql.some((sql) => /count\(DISTINCT actor_id\)/.test(sql));
    if (isComparison) {
      const meta = await trip.meta?.();
      spent.read += meta?.rows_read ?? Number.NaN;
      spent.ms += meta?.duration ?? Number.NaN;
    }
    return run();
  });
  await findDecay(await tenantCtx(slug, { ...bindings, ...watched }));
  return spent;
}

/** Over how many days they are spread: 14 is the worst there is, when all of them are compared. */
const SPREADS = DEEP ? [365, 14] : [365];

it.for(SPREADS)(
  "of a million events in %i days it reads those of two weeks alone",
  {
    timeout: 600_000,
  },
  async (days, { task }) => {
    const { slug } = await newTenant();
    const database = await databaseOfTenant(slug);
    await fill(database, days);
    const { read, ms } = await findCounting(slug);
    const recent = await firstValue<number>(
      database,
      "SELECT count(*) FROM events WHERE type = 'ticket_reply' AND occurred_at >= ?",
      Date.now() - 14 * DAY,
    );
    const all = await firstValue<number>(database, "SELECT count(*) FROM events");
    showFigures(
      task,
      `  ${all} events, ${recent} replies in two weeks: ${read} rows read, ${Math.round(ms)} ms`,
    );
    expect(all).toBe(EVENTS);
    expect(recent).toBeGreaterThan((EVENTS * 14 * 0.8) / days - 10);
    const signal = await database.prepare("SELECT severity, description FROM signals").first();
    expect(signal).toMatchObject({ severity: "low" });
    expect(signal?.description).toMatch(/\(300\.[23] to 900\.5 s\); .*\(400 to 100 characters\)/);
    // The actors and the signal are a few more.
    expect(read).toBeLessThanOrEqual(recent + 100);
  },
);

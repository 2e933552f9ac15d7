/** What the comparison costs at a tenant with a million events: those of two weeks, and D1 bears it. */
import { beforeAll, expect, it } from "vitest";
import { findDecay } from "../../../src/features/signals/decay.service.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { DAY } from "../../support/clock.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { showFigures } from "../../support/figures.ts";
import { addActors } from "../../support/support-replies.ts";
import { bindings, databaseOfTenant, firstValue, wrapAll } from "../../support/worker.ts";

const EVENTS = 1_000_000;
const CHUNK = 50_000;
const DAYS = 365;
/** One of so many is no reply. */
const OTHERS = 5;

let tenant: TestTenant;
let database: D1Database;
let people: string[];

/** Spread evenly over the year until now; in the last week replies are shorter and take longer. */
async function fill(): Promise<void> {
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
      .bind(from, CHUNK, now, DAYS * DAY, EVENTS, OTHERS, JSON.stringify(people), now - 7 * DAY)
      .run();
  }
}

beforeAll(async () => {
  tenant = await newTenant();
  database = await databaseOfTenant(tenant.slug);
  people = await addActors(database, "support", 10);
  await fill();
}, 120_000);

it("it reads the events of two weeks, and takes seconds at most", async ({ task }) => {
  let read = 0;
  let ms = 0;
  const watched = wrapAll(() => async (trip, run) => {
    const isComparison = trip.sql.some((sql) => /count\(DISTINCT actor_id\)/.test(sql));
    if (isComparison) {
      const meta = await trip.meta?.();
      read += meta?.rows_read ?? Number.NaN;
      ms += meta?.duration ?? Number.NaN;
    }
    return run();
  });
  await findDecay(await tenantCtx(tenant.slug, { ...bindings, ...watched }));
  const recent = await firstValue<number>(
    database,
    "SELECT count(*) FROM events WHERE type = 'ticket_reply' AND occurred_at >= ?",
    Date.now() - 14 * DAY,
  );
  const all = await firstValue<number>(database, "SELECT count(*) FROM events");
  expect(all).toBe(EVENTS);
  showFigures(
    task,
    `  ${all} events, ${recent} replies in two weeks: ${read} rows read, ${Math.round(ms)} ms`,
  );
  const signal = await database.prepare("SELECT severity, description FROM signals").first();
  expect(signal).toMatchObject({ severity: "low" });
  expect(signal?.description).toMatch(/\(300\.[23] to 900\.5 s\); .*\(400 to 100 characters\)/);
  // A reply is an entry of the index and a row; the actors and the signal are a few more.
  expect(recent).toBeGreaterThan((EVENTS * 14 * 0.8) / DAYS - 10);
  expect(read).toBeLessThanOrEqual(3 * recent + 100);
});

/** However claims race, and wherever isolates die: each tenant has one database, each database one tenant. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { type Caller, newOperator, problemOf, type Reply } from "../../support/client.ts";
import { wrapD1 } from "../../support/d1.ts";
import { showFigures } from "../../support/figures.ts";
import {
  bindingOf,
  forgetCells,
  openCell,
  type TestCell,
  wronglyHoused,
} from "../../support/open-cell.ts";
import { type Random, seededRandom } from "../../support/random.ts";
import { REGISTER, registrationOf, times } from "../../support/registration.ts";
import { bindings, DEEP, databaseOf, firstValue } from "../../support/worker.ts";

const MINUTE = 60_000;
const ROUNDS = DEEP ? 8 : 2;

/** Rows of the registry with the database that each lives in, as it was told to the tests. */
interface Housed {
  readonly id: string;
  readonly slug: string;
  readonly cell: string;
  readonly binding: string;
  readonly state: string;
}
const housed = async (like: string): Promise<Housed[]> =>
  (
    await bindings.CONTROL_DB.prepare(
      "SELECT id, slug, cell, binding, state FROM tenants WHERE slug LIKE ? ORDER BY slug",
    )
      .bind(like)
      .all<Housed>()
  ).results;

/** Claims as the release before does, which knows neither cells nor who has left a database. */
const oldClaim = (slug: string, cell: string, pool: readonly string[]) =>
  bindings.CONTROL_DB.prepare(
    `INSERT INTO tenants (id, slug, name, plan, cell, binding, state, schema_version, pending_seed,
      unsynced_since, deactivated_at, created_at, updated_at, version, active_at, limits)
    SELECT ?1, ?2, 'Old', 'standard', ?3, pool.value, 'deactivated', 0, NULL, NULL, NULL, 0, 0, 1, NULL, NULL
    FROM json_each(?4) AS pool
    WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE cell = ?3 AND binding = pool.value) LIMIT 1`,
  )
    .bind(newId("tenant"), slug, cell, JSON.stringify(pool))
    .run();

describe("claims", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await forgetCells();
    expect(await wronglyHoused()).toEqual([]);
  });

  const register = (cell: TestCell, slug: string): Promise<Reply> =>
    cell.call("POST", REGISTER, { body: registrationOf(slug) });

  it("by 50 at once of 10 databases: ten have one each, and nothing is left of the others", async () => {
    // More are bound than were tried.
    const cell = openCell("crowd-1", { from: 0, count: 20 });
    await cell.putWith(operator, 10);
    const audits = () =>
      firstValue<number>(
        bindings.CONTROL_DB,
        "SELECT count(*) FROM audit_log WHERE action = 'tenant.claimed'",
      );
    const before = await audits();
    const slugs = times(50, (index) => `crowd-${index}`);
    const replies = await Promise.all(slugs.map((slug) => register(cell, slug)));
    const refused = replies.filter(({ status }) => status !== 201);
    expect(refused.map(problemOf)).toEqual(times(40, () => "pool-exhausted"));
    const rows = await housed("crowd-%");
    expect(new Set(rows.map(({ binding }) => binding))).toEqual(new Set(times(10, bindingOf)));
    expect(rows.map(({ state }) => state)).toEqual(times(10, () => "active"));
    expect(await audits()).toBe(before + 10);
    expect((await cell.as(operator, "GET", "/cells/crowd-1")).json).toMatchObject({ free: 0 });
  });

  it("of the release before, which may still run, are claims here too", async () => {
    const cell = openCell("old-1", { from: 20, count: 5 });
    const pool = times(5, bindingOf);
    await oldClaim("old-alone", "old-1", pool);
    expect((await register(cell, "new-beside")).status).toBe(201);
    await oldClaim("old-after", "old-1", pool);
    await cell.putWith(operator, 5);
    expect((await cell.as(operator, "GET", "/cells/old-1")).json).toMatchObject({
      claimed: 3,
      free: 2,
    });
    const rows = [...(await housed("old-a%")), ...(await housed("new-beside"))];
    expect(new Set(rows.map(({ binding }) => binding)).size).toBe(3);

    // Somebody has left the first: the release before believes that it is free.
    await bindings.CONTROL_DB.batch([
      bindings.CONTROL_DB.prepare(`UPDATE tenants SET binding = ?1 WHERE slug = 'old-alone'`).bind(
        bindingOf(4),
      ),
      bindings.CONTROL_DB.prepare(
        `UPDATE tenant_databases SET state = 'retired', retired_at = 1 WHERE cell = 'old-1' AND binding = ?`,
      ).bind(bindingOf(0)),
      bindings.CONTROL_DB.prepare(
        `INSERT INTO tenant_databases SELECT 'old-1', ?1, id, 'serving', 1, NULL FROM tenants
        WHERE slug = 'old-alone'`,
      ).bind(bindingOf(4)),
    ]);
    await expect(oldClaim("old-again", "old-1", pool)).rejects.toThrow(/UNIQUE constraint failed/);
    expect((await register(cell, "new-again")).status).toBe(201);
    expect((await housed("new-again"))[0]?.binding).toBe(bindingOf(3));
  });

  it("in two cells whose isolates die anywhere: all is finished by each cell's job, or never was", async ({
    task,
  }) => {
    const random = seededRandom("dying claims");
    const outcomes: Record<string, number> = {};
    const cells = ["left-1", "right-1"].map((name, index) => ({
      name,
      from: 40 + index * 60,
      count: 40,
    }));
    for (const { name, ...options } of cells) {
      await openCell(name, options).putWith(operator, options.count);
    }
    vi.useFakeTimers({ toFake: ["Date"] });
    for (const round of times(ROUNDS, (at) => at)) {
      const attempts = times(14, (index) => {
        const own = random.fork(round * 100 + index);
        const { name, ...options } = own.pick(cells);
        return { slug: `dies-${round}-${index}`, cell: dying(name, options, own) };
      });
      await Promise.all(
        attempts.map(async ({ slug, cell }) => {
          const { status } = await register(cell, slug);
          expect([201, 421, 500, 503]).toContain(status);
          outcomes[status] = (outcomes[status] ?? 0) + 1;
        }),
      );
      expect(await wronglyHoused(), "in the middle of it").toEqual([]);
      vi.setSystemTime(Date.now() + MINUTE + 1);
      // Whoever has begun a tenant, its own cell ends it: ten in each run.
      for (const _ of times(2, () => null)) {
        for (const { name, ...options } of cells) await openCell(name, options).tick();
      }
      expect(await wronglyHoused(), "at the end").toEqual([]);
    }
    const rows = await housed("dies-%");
    expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(["active"]));
    const real = rows.map(({ cell, binding, id }) => {
      const { from } = cells.find(({ name }) => name === cell) as (typeof cells)[number];
      return { database: from + Number(binding.slice(-4)), id };
    });
    expect(new Set(real.map(({ database }) => database)).size).toBe(rows.length);
    for (const { database, id } of real) {
      const { results } = await databaseOf(bindingOf(database))
        .prepare("SELECT id FROM realm")
        .all();
      expect(results).toEqual([{ id }]);
    }
    // What nobody claimed was never touched.
    const used = new Set(real.map(({ database }) => database));
    for (const { from, count } of cells) {
      for (const index of times(count, (at) => from + at)) {
        if (used.has(index)) continue;
        const tables =
          "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'";
        expect(await firstValue(databaseOf(bindingOf(index)), tables), bindingOf(index)).toBe(0);
      }
    }
    const byCell = Object.groupBy(rows, ({ cell }) => cell);
    showFigures(
      task,
      `  ${ROUNDS * 14} registrations, answers ${JSON.stringify(outcomes)}: ` +
        `${byCell["left-1"]?.length} and ${byCell["right-1"]?.length} tenants`,
    );
  });
});

/** A cell whose isolate dies at some trip, before the database heard of it or after it had answered. */
function dying(
  name: string,
  { from, count }: { readonly from: number; readonly count: number },
  random: Random,
): TestCell {
  // Some live.
  const at = Math.floor(random.next() * 26) + 1;
  const heard = random.chance(0.5);
  let trips = 0;
  const wrap = (database: D1Database) =>
    wrapD1(database, async (_, run) => {
      trips += 1;
      if (trips < at) return run();
      if (trips === at && heard) await run();
      throw new Error("D1_ERROR: the isolate is gone: SQLITE_ERROR");
    });
  const changes = {
    CONTROL_DB: wrap(bindings.CONTROL_DB),
    ...Object.fromEntries(
      times(count, (index) => [bindingOf(index), wrap(databaseOf(bindingOf(from + index)))]),
    ),
  };
  return openCell(name, { from, count, changes });
}

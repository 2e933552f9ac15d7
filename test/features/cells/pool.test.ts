import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { newId } from "../../../src/platform/ids.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { type Caller, newOperator, problemOf, type Reply } from "../../support/client.ts";
import { LOST_TEXTS, wrapD1 } from "../../support/d1.ts";
import { bindingOf, forgetCells, openCell, type TestCell } from "../../support/open-cell.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { REGISTER, registrationOf, times } from "../../support/registration.ts";
import { bindings, databaseOf, firstValue } from "../../support/worker.ts";

describe("a cell's pool", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await forgetCells();
  });

  /** A cell of ten databases that nobody lives in, made known. */
  async function tenOf(name: string, changes: Partial<Bindings> = {}): Promise<TestCell> {
    const cell = openCell(name, { from: 100, count: 10, changes });
    expect((await cell.as(operator, "PUT", `/cells/${name}`, {})).status).toBe(201);
    return cell;
  }
  const make = (cell: TestCell, claimable: number): Promise<Reply> =>
    cell.as(operator, "POST", `/cells/${cell.name}/databases`, { claimable });
  /** Claims as the release before does: among the tenants alone. */
  const claimed = (cell: string, binding: string) =>
    bindings.CONTROL_DB.prepare(
      `INSERT INTO tenants (id, slug, name, plan, cell, binding, state, schema_version, created_at,
        updated_at, version)
      VALUES (?1, ?2 || ?3, 'x', 'standard', ?2, ?3, 'deactivated', 0, 0, 0, 1)`,
    )
      .bind(newId("tenant"), cell, binding)
      .run();
  const real = (index: number) => databaseOf(bindingOf(100 + index));
  const schemaOf = (database: D1Database) =>
    firstValue<number>(
      database,
      "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'",
    );

  it("grows by what was tried; the trial leaves nothing behind", async () => {
    const cell = await tenOf("tried-1");
    const some = await make(cell, 4);
    expect(some.json).toMatchObject({ bound: 10, claimable: 4, free: 4, unfit: null });
    const all = await make(cell, 10);
    expect(all.json).toMatchObject({ claimable: 10, free: 10, unfit: null });
    for (const index of times(10, (at) => at)) expect(await schemaOf(real(index))).toBe(0);
    const again = await make(cell, 10);
    expect(again.json).toMatchObject({ claimable: 10, unfit: null });
  });

  it("grows by 200 in one call at most, and by calling again as far as was asked", async () => {
    const cell = openCell("wide-1", { from: 0, count: 450 });
    await cell.as(operator, "PUT", "/cells/wide-1", {});
    const reached: number[] = [];
    for (let claimable = 0; claimable < 450; reached.push(claimable)) {
      claimable = (await make(cell, 450)).json.claimable;
    }
    expect(reached).toEqual([200, 400, 450]);
  });

  it("stops at a database that holds something, and goes on when it is empty", async () => {
    const cell = await tenOf("stops-1");
    await real(6).exec("CREATE TABLE of_somebody (id TEXT)");
    const stopped = await make(cell, 9);
    expect(stopped.status).toBe(200);
    expect(stopped.json).toMatchObject({
      claimable: 6,
      unfit: { binding: bindingOf(6), reason: "not-empty" },
    });
    expect(await schemaOf(real(6))).toBe(1);
    await real(6).exec("DROP TABLE of_somebody");
    expect((await make(cell, 9)).json).toMatchObject({ claimable: 9, unfit: null });
  });

  it.each([
    ["is lost", LOST_TEXTS[0] ?? ""],
    ["cannot be written", "D1_ERROR: attempt to write a readonly database: SQLITE_READONLY"],
  ])("stops at a database that %s, and the log says why", async (what, text) => {
    const gone = wrapD1(real(3), () => Promise.reject(new Error(text)));
    const name = `${what.replaceAll(" ", "-")}-1`;
    const cell = await tenOf(name, { [bindingOf(3)]: gone, [bindingOf(8)]: gone });
    const { result, entries } = await captureLogs(() => make(cell, 10));
    const unfit = { binding: bindingOf(3), reason: "no-answer" };
    expect(result.json).toMatchObject({ claimable: 3, unfit });
    expect(result.text).not.toContain(text);
    const told = entries.filter(({ message }) => message === "database not usable");
    const third = told.filter(({ database }) => database === bindingOf(3));
    expect(third).toHaveLength(2);
    expect(third[0]).toMatchObject({ level: "error", error: expect.stringContaining(text) });
  });

  it("does not wait for a database that hangs", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let asked = 0;
    const hanging = wrapD1(real(2), () => {
      asked += 1;
      return new Promise<never>(() => {});
    });
    const cell = await tenOf("hangs-1", { [bindingOf(2)]: hanging });
    const reply = make(cell, 10);
    for (const tries of [1, 2]) {
      await vi.waitUntil(async () => {
        await vi.advanceTimersByTimeAsync(0);
        return asked === tries;
      });
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect((await reply).json).toMatchObject({
      claimable: 2,
      unfit: { binding: bindingOf(2), reason: "no-answer" },
    });
  });

  it("goes past what is claimed already, without a look into it", async () => {
    const cell = await tenOf("passes-1");
    await real(1).exec("CREATE TABLE of_a_tenant (id TEXT)");
    await claimed("passes-1", bindingOf(1));
    const { json } = await make(cell, 5);
    expect(json).toMatchObject({ claimable: 5, claimed: 1, free: 4, unfit: null });
    await real(1).exec("DROP TABLE of_a_tenant");
  });

  it("cannot hold more than is bound, nor less than is claimed, and says how many", async () => {
    const cell = await tenOf("bounds-1");
    const many = await make(cell, 11);
    expect([many.status, problemOf(many)]).toEqual([422, "validation-failed"]);
    expect(many.json.errors).toEqual([
      { pointer: "/claimable", message: "must be at most 10: so many are bound" },
    ]);
    await make(cell, 8);
    await claimed("bounds-1", bindingOf(4));
    expect((await make(cell, 4)).json.errors).toEqual([
      { pointer: "/claimable", message: "must be at least 5: a tenant has the last of them" },
    ]);
    expect((await make(cell, 5)).json).toMatchObject({ claimable: 5, claimed: 1, free: 4 });
  });

  it("taken back in part while somebody claims there: the claim stands", async () => {
    const gate = Promise.withResolvers<void>();
    let reads = 0;
    const slow = wrapD1(bindings.CONTROL_DB, async ({ sql }, run) => {
      if (sql.some((text) => text.startsWith('update "cells"'))) {
        reads += 1;
        await gate.promise;
      }
      return run();
    });
    const cell = await tenOf("taken-1");
    await make(cell, 8);
    const narrowing = openCell("taken-1", { from: 100, count: 10, changes: { CONTROL_DB: slow } });
    const less = make(narrowing, 2);
    await vi.waitUntil(() => reads === 1);
    await claimed("taken-1", bindingOf(5));
    gate.resolve();
    expect(problemOf(await less)).toBe("conflict");
    expect((await cell.as(operator, "GET", "/cells/taken-1")).json.claimable).toBe(8);
  });

  it("grown by two at once is grown once, and the other is told", async () => {
    const cell = await tenOf("twice-1");
    const replies = await Promise.all([make(cell, 6), make(cell, 6)]);
    for (const reply of replies) expect([200, 409]).toContain(reply.status);
    expect(replies.map(({ status }) => status)).toContain(200);
    expect((await make(cell, 6)).json).toMatchObject({ claimable: 6, bound: 10 });
  });

  it("is full when the last that was tried is given away", async () => {
    const cell = openCell("full-1", { from: 150, count: 10 });
    await cell.putWith(operator, 2);
    const slugs = times(3, (index) => `filling-${index}`);
    const { result: replies, entries } = await captureLogs(async () => {
      const all: Reply[] = [];
      for (const slug of slugs) {
        all.push(await cell.call("POST", REGISTER, { body: registrationOf(slug) }));
      }
      return all;
    });
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 503]);
    const low = entries.filter(({ message }) => message === "pool is low");
    expect(low).toMatchObject([{ level: "warn", cell: "full-1", free: 0, claimable: 2 }]);
  });

  it("has each database that was ever claimed in a list", async () => {
    const cell = await tenOf("lists-1");
    const other = openCell("lists-2", { from: 120, count: 10 });
    for (const index of times(5, (at) => at)) {
      await claimed("lists-1", bindingOf(index));
      await claimed("lists-2", bindingOf(index));
    }
    await bindings.CONTROL_DB.prepare(
      `UPDATE tenant_databases SET state = 'retired', retired_at = 86400000
      WHERE cell LIKE 'lists-%' AND binding IN (?, ?)`,
    )
      .bind(bindingOf(1), bindingOf(3))
      .run();
    const list = async (query: string) => {
      const seen: { cell: string; binding: string; state: string }[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const on: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
        const reply: Reply = await cell.as(operator, "GET", `/databases?limit=2${query}${on}`);
        expect(reply.status, reply.text).toBe(200);
        seen.push(...reply.json.data);
        cursor = reply.json.next_cursor;
      }
      return seen;
    };
    const retired = await list("&state=retired");
    expect(retired.map(({ cell, binding }) => [cell, binding])).toEqual([
      ["lists-1", bindingOf(1)],
      ["lists-1", bindingOf(3)],
      ["lists-2", bindingOf(1)],
      ["lists-2", bindingOf(3)],
    ]);
    expect(retired[0]).toEqual({
      cell: "lists-1",
      binding: bindingOf(1),
      tenant_id: expect.stringMatching(/^tenant_/),
      state: "retired",
      claimed_at: "1970-01-01T00:00:00.000Z",
      retired_at: "1970-01-02T00:00:00.000Z",
    });
    expect(await list("&cell=lists-2")).toHaveLength(5);
    expect(await list("&cell=lists-2&state=serving")).toHaveLength(3);
    const all = await list("");
    expect(new Set(all.map(({ cell, binding }) => `${cell} ${binding}`)).size).toBe(all.length);
    expect((await cell.as(operator, "GET", "/cells/lists-1")).json).toMatchObject({
      claimed: 3,
      retired: 2,
    });
    const wrong = await other.as(operator, "GET", "/databases?state=lost");
    expect(problemOf(wrong)).toBe("validation-failed");
  });

  it("is looked at by indexes, however many tenants there are", async () => {
    const { bindings: watched, plansOf } = watchPlans();
    const control = { CONTROL_DB: watched.CONTROL_DB } as Partial<Bindings>;
    const cell = await tenOf("plans-1", control);
    for (const index of times(3, (at) => at)) await claimed("plans-1", bindingOf(index));
    const about = /tenant_databases/;
    const large = /^SCAN (tenant_databases|held|tenants)\b/;
    const few = /^SCAN cells/;
    const asked = async (run: () => Promise<Reply>) => {
      const plans = await plansOf(
        async () => expect((await run()).status).toBeLessThan(300),
        about,
      );
      expect(plans).not.toEqual([]);
      return plans;
    };
    const get = (path: string) => asked(() => cell.as(operator, "GET", path));
    const [byState, byName] = ["tenant_databases_state", "sqlite_autoindex_tenant_databases_1"];
    expectPlans(await get("/cells"), { indexes: [byState], large, few });
    expectPlans(await asked(() => make(cell, 8)), { indexes: [byState, byName], large, few });
    expectPlans(await asked(() => make(cell, 5)), { indexes: [byState, byName], large, few });
    const page = (await cell.as(operator, "GET", "/databases?limit=1&state=serving&cell=plans-1"))
      .json.next_cursor;
    const on = `limit=1&cursor=${encodeURIComponent(page)}`;
    expectPlans(await get(`/databases?${on}&state=serving&cell=plans-1`), {
      indexes: [byState],
      large,
    });
    expectPlans(await get("/databases?state=retired"), { indexes: [byState], large, few });
    expectPlans(await get("/databases?cell=plans-1"), { indexes: [byName], large, few });
    const inOrder = (line: string) => line.endsWith(`USING INDEX ${byName}`);
    expectPlans(await get("/databases"), { indexes: [byName], large, fine: inOrder });
  });
});

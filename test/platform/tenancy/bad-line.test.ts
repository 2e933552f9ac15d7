/** What a commit and a read do when the connection is lost, or the database overloaded. */
import { sql } from "drizzle-orm";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { users } from "../../../src/features/users/index.ts";
import { newId } from "../../../src/platform/ids.ts";
import { commit, write } from "../../../src/platform/tenancy/index.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { addUser, codeOf, rename } from "../../support/commit-steps.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { type Around, LOST_TEXTS, OVERLOADED_TEXTS, wrapD1 } from "../../support/d1.ts";
import { times } from "../../support/registration.ts";
import {
  bindings,
  databaseOf,
  databaseOfTenant,
  firstValue,
  openWorker,
  registryOf,
  wrapAll,
} from "../../support/worker.ts";

const LOST = LOST_TEXTS[0] as string;

describe("on a bad line", () => {
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    house = await newTenant("committed");
    database = await databaseOfTenant(house.slug);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const count = (sqlText: string, ...values: unknown[]) =>
    firstValue<number>(database, sqlText, ...values);
  /** Cuts off the batches of this number with this text, after they were applied or before. */
  function cutting(numbers: readonly number[], text: string, when: "before" | "after") {
    const seen = { batches: 0, reads: 0 };
    const around: Around = async (trip, run) => {
      if (trip.kind === "read") {
        seen.reads += 1;
        return run();
      }
      seen.batches += 1;
      if (!numbers.includes(seen.batches)) return run();
      if (when === "after") await run();
      throw new Error(text);
    };
    return { seen, env: openWorker(wrapAll(() => around)).env };
  }
  const attempt = async (env: Bindings, email: string, summed = false) => {
    const audit = { action: "test.bad_line", ...(summed ? { summed: true as const } : {}) };
    return codeOf(
      commit(await tenantCtx(house.slug, env), [addUser(email)], [audit]).then(() => {
        throw new Error("done");
      }),
    );
  };
  const has = (email: string) => count("SELECT count(*) FROM users WHERE email = ?", email);

  it.each(LOST_TEXTS)("tries again after: %s", async (text) => {
    for (const when of ["before", "after"] as const) {
      const email = `${when}-${LOST_TEXTS.indexOf(text)}@committed.test`;
      const { seen, env } = cutting([1], text, when);
      expect(await attempt(env, email)).toBe("Error: done");
      expect(seen.batches).toBe(2);
      expect(await has(email)).toBe(1);
    }
  });

  it.each(OVERLOADED_TEXTS)("does not try again at once after: %s", async (text) => {
    const email = `overloaded-${OVERLOADED_TEXTS.indexOf(text)}@committed.test`;
    const { seen, env } = cutting([1], text, "before");
    expect(await attempt(env, email)).toBe("database-unavailable");
    expect(seen.batches).toBe(1);
    expect(await has(email)).toBe(0);
  });

  it("gives up after three more tries, and then looks whether it had been applied", async () => {
    const never = cutting([1, 2, 3, 4], LOST, "before");
    expect(await attempt(never.env, "never@committed.test")).toBe("outcome-unknown");
    expect(never.seen.batches).toBe(4);
    const applied = cutting([1, 2, 3, 4], LOST, "after");
    expect(await attempt(applied.env, "applied@committed.test")).toBe("Error: done");
    expect(await has("applied@committed.test")).toBe(1);
  });

  it("counts a summed entry once, whenever it is tried again", async () => {
    const sums = () => count("SELECT coalesce(sum(count), 0) FROM audit_sums");
    for (const [index, when] of (["before", "after", "after"] as const).entries()) {
      const before = await sums();
      const { env } = cutting([1, 2], LOST, when);
      expect(await attempt(env, `summed-${index}@committed.test`, true)).toBe("Error: done");
      expect(await sums()).toBe(before + 1);
    }
  });

  it("counts a summed entry once, though an equal one comes in between", async () => {
    const minute = new Date("2031-01-01T00:00:00Z");
    vi.useFakeTimers({ toFake: ["Date"], now: minute });
    const email = (name: string) => `${name}@committed.test`;
    const sum = () =>
      count(
        "SELECT count FROM audit_sums WHERE sum_key LIKE '%test.bad_line%' ORDER BY rowid DESC",
      );
    await attempt(openWorker({}).env, email("equal-0"), true);
    let cut = false;
    // The first batch is applied, its answer lost; before it is tried again another one is applied.
    const around: Around = async (trip, run) => {
      if (trip.kind === "read" || cut) return run();
      cut = true;
      await run();
      await attempt(openWorker({}).env, email("equal-2"), true);
      throw new Error(LOST);
    };
    const { env } = openWorker(wrapAll(() => around));
    expect(await attempt(env, email("equal-1"), true)).toBe("Error: done");
    expect(await sum()).toBe(3);
    expect(await has(email("equal-1"))).toBe(1);
  });

  it("counts what is summed alone once, too: nothing else of the commit is unique", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2031-01-02T00:00:00Z") });
    const action = "test.summed_alone";
    const refuse = async (env: Bindings) =>
      commit(await tenantCtx(house.slug, env), [], [{ action, summed: true }]);
    let cut = false;
    const around: Around = async (trip, run) => {
      if (trip.kind === "read" || cut) return run();
      cut = true;
      await run();
      await refuse(openWorker({}).env);
      throw new Error(LOST);
    };
    await refuse(openWorker(wrapAll(() => around)).env);
    const key = `%${action}%`;
    expect(await count("SELECT sum(count) FROM audit_sums WHERE sum_key LIKE ?", key)).toBe(2);
  });

  it("tells by its mark that a change was made which left no row, and sweeps old marks", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2032-01-01T00:00:00Z") });
    const marks = () => count("SELECT count(*) FROM commit_marks");
    const change = async (env: Bindings) =>
      commit(
        await tenantCtx(house.slug, env),
        [
          {
            statement: write.update(users).set({ version: sql`${users.version} + 1` }),
            expect: "any",
            as: "users.many",
          },
          rename(newId("user"), "Nobody", { expect: "any", as: "users.none" }),
        ],
        [{ action: "test.nothing", whenChanged: "users.none" }],
      );
    const version = () => count("SELECT version FROM users WHERE id = ?", house.admin.id);
    const before = await version();
    await change(cutting([1, 2], LOST, "after").env);
    expect(await version()).toBe(before + 1);
    const left = await marks();
    expect(left).toBeGreaterThan(0);
    vi.setSystemTime(new Date("2032-01-01T01:00:00Z"));
    await change(bindings);
    expect(await marks()).toBeGreaterThanOrEqual(2);
    vi.setSystemTime(new Date("2032-01-01T03:00:00Z"));
    await database.batch(
      times(12, (index) =>
        database.prepare("INSERT INTO commit_marks VALUES (?, 1)").bind(`old-${index}`),
      ),
    );
    const many = await marks();
    await change(bindings);
    expect(await marks()).toBe(many + 1 - 10);
  });

  it.each(["before", "after"] as const)(
    "does not try again when the database is overloaded %s a connection was lost",
    async (when) => {
      const email = `then-overloaded-${when}@committed.test`;
      let batches = 0;
      const around: Around = async (trip, run) => {
        if (trip.kind === "read") return run();
        batches += 1;
        if (batches === 1 && when === "after") await run();
        throw new Error(batches === 1 ? LOST : OVERLOADED_TEXTS[0]);
      };
      const { env } = openWorker(wrapAll(() => around));
      const told = when === "after" ? "Error: done" : "outcome-unknown";
      expect(await attempt(env, email)).toBe(told);
      expect(batches).toBe(2);
      expect(await has(email)).toBe(when === "after" ? 1 : 0);
    },
  );

  it("says that it does not know when the database stays silent", async () => {
    const around: Around = async (_, run) => {
      await run();
      throw new Error(LOST);
    };
    const silent = new Set([String((await registryOf(house.slug))?.binding)]);
    const { env } = openWorker(
      wrapAll((binding) => (silent.has(binding) ? around : (_, run) => run())),
    );
    expect(await attempt(env, "silent@committed.test")).toBe("outcome-unknown");
    expect(await has("silent@committed.test")).toBe(1);
  });

  it("reads once more after a lost connection, then answers 503", async () => {
    const get = async (text: string, fails: number) => {
      let reads = 0;
      const around: Around = async (trip, run) => {
        if (!trip.sql[0]?.includes('from "users" where')) return run();
        reads += 1;
        if (reads <= fails) throw new Error(text);
        return run();
      };
      const lossy = openWorker(wrapAll(() => around));
      const path = `${house.api}/users/${house.admin.id}`;
      const { status, headers, json } = await lossy.call("GET", path, {
        token: house.admin.token,
      });
      return { status, reads, after: headers.get("retry-after"), type: json.type ?? null };
    };
    const silent = {
      status: 503,
      after: "5",
      type: "https://rowhouse.dev/problems/database-unavailable",
    };
    for (const text of LOST_TEXTS) {
      expect(await get(text, 1), text).toMatchObject({ status: 200, reads: 2 });
      expect(await get(text, 2), text).toMatchObject({ ...silent, reads: 2 });
    }
    for (const text of OVERLOADED_TEXTS) {
      expect(await get(text, 1), text).toMatchObject({ ...silent, reads: 1 });
    }
    const bad = "D1_ERROR: near x: syntax error: SQLITE_ERROR";
    expect(await get(bad, 1)).toMatchObject({ status: 500, reads: 1 });
  });

  it.each(["no such table: users", "no such column: users.x"])(
    "asks the primary when a replica has not heard of a migration: %s",
    async (lack) => {
      const get = async (fails: number, path: string) => {
        const starts: (string | undefined)[] = [];
        const binding = String((await registryOf(house.slug))?.binding);
        const around: Around = async (trip, run) => {
          if (!trip.sql[0]?.includes('from "users" where')) return run();
          starts.push(trip.start);
          if (starts.length <= fails) throw new Error(`D1_ERROR: ${lack}: SQLITE_ERROR`);
          return run();
        };
        const { call: ask } = openWorker({ [binding]: wrapD1(databaseOf(binding), around) });
        const reply = await ask("GET", `${house.api}${path}`, { token: house.admin.token });
        return [reply.status, ...starts];
      };
      const path = `/users/${house.admin.id}`;
      const once = ["first-unconstrained", "first-primary"];
      expect(await get(1, path)).toEqual([200, ...once]);
      expect(await get(2, path)).toEqual([500, ...once]);
    },
  );
});

import { eq, sql } from "drizzle-orm";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { insertUser, newUser, users } from "../../../src/features/users/index.ts";
import { sha256Hex } from "../../../src/platform/crypto/digest.ts";
import { newId } from "../../../src/platform/ids.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { commit, type Step, write } from "../../../src/platform/tenancy/index.ts";
import {
  addUser as addPerson,
  type Caller,
  call,
  newTenant,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { type Around, LOST_TEXTS, OVERLOADED_TEXTS } from "../../support/d1.ts";
import { times } from "../../support/registration.ts";
import {
  databaseOfTenant,
  firstValue,
  openWorker,
  registryOf,
  wrapAll,
} from "../../support/worker.ts";

const LOST = LOST_TEXTS[0] as string;

describe("commit", () => {
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    house = await newTenant("committed");
    database = await databaseOfTenant(house.slug);
  });

  const count = (sqlText: string, ...values: unknown[]) =>
    firstValue<number>(database, sqlText, ...values);
  /** Everything that a commit could have left behind. */
  const traces = async () =>
    Promise.all(
      ["users", "audit_log", "audit_private", "audit_sums"].map((table) =>
        count(`SELECT count(*) FROM ${table}`),
      ),
    );
  const addUser = (email: string): Step =>
    insertUser(newUser({ email, first_name: "A", last_name: "B", role: "user" }, "no hash"));
  const rename = (id: string, name: string, step: Partial<Step> = {}): Step =>
    ({
      statement: write.update(users).set({ firstName: name }).where(eq(users.id, id)),
      expect: 1,
      as: "users.rename",
      ...step,
    }) as Step;
  const codeOf = async (run: Promise<unknown>) => {
    const error = await run.then(
      () => new Error("It succeeded."),
      (reason: unknown) => reason,
    );
    return error instanceof Failure ? error.code : String(error);
  };
  const entry = { action: "test.done" } as const;

  it("gives back the result, and leaves one row per entry, all of one commit", async () => {
    const ctx = await tenantCtx(house.slug);
    const result = { some: "result" };
    const audit = [{ action: "test.one" }, { action: "test.two", target: "it" }] as const;
    expect(await commit(ctx, [addUser("one@committed.test")], audit, result)).toBe(result);
    const { results } = await database
      .prepare("SELECT * FROM audit_log WHERE action LIKE 'test.%' ORDER BY seq")
      .all();
    expect(results).toMatchObject([
      { action: "test.one", ordinal: 0, target: null, principal: "job:test" },
      { action: "test.two", ordinal: 1, target: "it", principal: "job:test" },
    ]);
    expect(new Set(results.map((row) => row.commit_id)).size).toBe(1);
    expect(results.map((row) => row.request_id)).toEqual([ctx.request.id, ctx.request.id]);
  });

  it("rolls everything back when a step changes another number of rows than one", async () => {
    const ctx = await tenantCtx(house.slug);
    const before = await traces();
    const first = addUser("rolled-back@committed.test");
    const none = rename(newId("user"), "Nobody");
    expect(await codeOf(commit(ctx, [first, none], [entry]))).toBe("conflict");
    expect(await codeOf(commit(ctx, [none, first], [entry]))).toBe("conflict");
    const named = { ...none, otherwise: "last-admin" } as Step;
    expect(await codeOf(commit(ctx, [first, named], [entry]))).toBe("last-admin");
    const many: Step = {
      statement: write.update(users).set({ lastName: "All" }),
      expect: 1,
      as: "users.all",
      otherwise: "tenant-state",
    };
    expect(await count("SELECT count(*) FROM users")).toBeGreaterThan(1);
    expect(await codeOf(commit(ctx, [first, many], [entry]))).toBe("tenant-state");
    expect(await traces()).toEqual(before);
    expect(await count("SELECT count(*) FROM users WHERE last_name = 'All'")).toBe(0);
  });

  it("rolls everything back when a condition does not hold, and says which", async () => {
    const ctx = await tenantCtx(house.slug);
    const before = await traces();
    const condition = (
      holds: boolean,
      as: string,
      otherwise: "conflict" | "email-taken",
    ): Step => ({
      require: holds ? sql`1` : sql`0`,
      as,
      otherwise,
    });
    const steps = [
      addUser("conditional@committed.test"),
      condition(true, "test.yes", "conflict"),
      condition(false, "test.no", "email-taken"),
    ];
    expect(await codeOf(commit(ctx, steps, [entry]))).toBe("email-taken");
    expect(await traces()).toEqual(before);
    await commit(ctx, steps.slice(0, 2), [entry]);
  });

  it("maps a value that is taken as its step says, and no other", async () => {
    const ctx = await tenantCtx(house.slug);
    const before = await traces();
    const email = house.admin.email;
    expect(await codeOf(commit(ctx, [addUser(email)], [entry]))).toBe("email-taken");
    const { taken: _, ...silent } = addUser(email) as Step & { taken?: unknown };
    expect(await codeOf(commit(ctx, [silent as Step], [entry]))).toMatch(/UNIQUE constraint/);
    expect(await traces()).toEqual(before);
  });

  it("writes an entry for a change only if there was one", async () => {
    const ctx = await tenantCtx(house.slug);
    const any = { expect: "any" } as Partial<Step>;
    const mark = `test.changed_${newId("commit")}`;
    const audit = [
      { action: mark, target: "always" },
      { action: mark, target: "changed", whenChanged: "users.changed" },
      { action: mark, target: "changed too", whenChanged: "users.changed" },
      { action: mark, target: "unchanged", whenChanged: "users.unchanged" },
    ] as const;
    await commit(
      ctx,
      [
        rename(newId("user"), "Nobody", { ...any, as: "users.unchanged" }),
        rename(house.admin.id, "Ada", { ...any, as: "users.changed" }),
      ],
      audit,
    );
    const { results } = await database
      .prepare(
        `SELECT target FROM audit_log JOIN audit_private ON audit_id = id
          WHERE action = ? ORDER BY ordinal`,
      )
      .bind(mark)
      .all();
    expect(results.map((row) => row.target)).toEqual(["always", "changed", "changed too"]);
  });

  it("keeps personal data apart, under a salted commitment that outlives its erasure", async () => {
    const ctx = await tenantCtx(house.slug);
    const action = `test.private_${newId("commit")}`;
    await commit(ctx, [], [{ action, details: { email: "somebody@committed.test" } }]);
    const row = await database
      .prepare(
        `SELECT audit_log.*, salt, data FROM audit_log
          JOIN audit_private ON audit_id = id WHERE action = ?`,
      )
      .bind(action)
      .first<Record<string, string>>();
    expect(row?.commitment).toBe(await sha256Hex(`${row?.salt}.${row?.data}`));
    expect(JSON.parse(row?.data ?? "")).toMatchObject({ email: "somebody@committed.test" });
    const { salt: _, data: __, ...publicRow } = row as Record<string, string>;
    expect(JSON.stringify(publicRow)).not.toContain("somebody");

    const read = async () => {
      const page = await call("GET", `${house.api}/audit?action=${action}`, {
        token: house.admin.token,
      });
      return page.json.data[0];
    };
    expect((await read()).private).toMatchObject({ email: "somebody@committed.test" });
    await database.prepare("DELETE FROM audit_private WHERE audit_id = ?").bind(row?.id).run();
    expect(await read()).toMatchObject({ private: null, commitment: row?.commitment });
  });

  it("sums a caller's refusals of one kind and minute in one row", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(new Date("2030-06-01T12:00:00Z"));
    const own = await newTenant("refusing");
    const [one, other] = [await addPerson(own, "user"), await addPerson(own, "user")];
    const inside = await databaseOfTenant(own.slug);
    const refused = async (by: Caller, method: string, path: string) => {
      const reply = await call(method, `${own.api}${path}`, { token: by.token, body: undefined });
      expect(problemOf(reply)).toBe("permission-denied");
    };
    const rows = () =>
      inside
        .prepare(
          `SELECT principal, target, count FROM audit_log LEFT JOIN audit_sums USING (sum_key)
            WHERE action = 'permission.refused' ORDER BY seq`,
        )
        .raw();
    await Promise.all(times(30, () => refused(one, "GET", "/audit")));
    expect(await rows()).toEqual([[`user:${one.id}`, "audit:read", 30]]);
    await refused(other, "GET", "/audit");
    await refused(one, "DELETE", `/users/${other.id}`);
    vi.setSystemTime(new Date("2030-06-01T12:01:00Z"));
    await refused(one, "GET", "/audit");
    const expected = [
      [`user:${one.id}`, "audit:read", 30],
      [`user:${other.id}`, "audit:read", 1],
      [`user:${one.id}`, "users:write", 1],
      [`user:${one.id}`, "audit:read", 1],
    ];
    expect(await rows()).toEqual(expected);
    const page = await call("GET", `${own.api}/audit?action=permission.refused`, {
      token: own.admin.token,
    });
    expect(page.json.data.map(({ count }: { count: number }) => count)).toEqual([1, 1, 1, 30]);
    vi.useRealTimers();
  });

  it.each([
    ["UPDATE audit_log SET action = 'x'", /append-only: update/],
    ["DELETE FROM audit_log", /append-only: delete/],
    ["DELETE FROM audit_log WHERE seq = 1", /append-only: delete/],
    ["INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log LIMIT 1", /append-only: replace/],
    [
      `INSERT OR REPLACE INTO audit_log
        SELECT 1000000, id, 'c', 0, 0, 'x', 'p', NULL, 'r', 'h', NULL FROM audit_log LIMIT 1`,
      /append-only: replace/,
    ],
    [
      `INSERT OR REPLACE INTO audit_log
        SELECT NULL, 'other', commit_id, ordinal, 0, 'x', 'p', NULL, 'r', 'h', NULL
        FROM audit_log LIMIT 1`,
      /append-only: replace/,
    ],
    ["UPDATE audit_private SET data = '{}'", /write-once: update/],
    ["INSERT OR REPLACE INTO audit_private SELECT * FROM audit_private LIMIT 1", /write-once/],
  ])("the database refuses %s", async (statement, reason) => {
    const before = await traces();
    const log = await database.prepare("SELECT * FROM audit_log ORDER BY seq").all();
    await expect(database.prepare(statement).run()).rejects.toThrow(reason);
    await expect(database.batch([database.prepare(statement)])).rejects.toThrow(reason);
    expect(await traces()).toEqual(before);
    expect((await database.prepare("SELECT * FROM audit_log ORDER BY seq").all()).results).toEqual(
      log.results,
    );
  });

  describe("on a bad line", () => {
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
      const audit = { action: "test.bad_line", ...(summed ? { summedBy: email } : {}) };
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
      expect(await get("D1_ERROR: no such column: x: SQLITE_ERROR", 1)).toMatchObject({
        status: 500,
        reads: 1,
      });
    });
  });
});

import { sql } from "drizzle-orm";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { users } from "../../../src/features/users/index.ts";
import { sha256Hex } from "../../../src/platform/crypto/digest.ts";
import { newId } from "../../../src/platform/ids.ts";
import { commit, type Step, write } from "../../../src/platform/tenancy/index.ts";
import {
  addUser as addPerson,
  type Caller,
  call,
  newTenant,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { addUser, codeOf, rename } from "../../support/commit-steps.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { times } from "../../support/registration.ts";
import { databaseOfTenant, firstValue } from "../../support/worker.ts";

describe("commit", () => {
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    house = await newTenant("committed-once");
    database = await databaseOfTenant(house.slug);
  });
  afterEach(() => {
    vi.useRealTimers();
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
  });

  it("sums what one network does without signing in, whatever e-mails and addresses it shows", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2030-07-01T12:00:00Z") });
    const own = await newTenant("flooded");
    const inside = await databaseOfTenant(own.slug);
    const fail = async (email: string, ip: string) => {
      const body = { email, password: "not the password" };
      const reply = await call("POST", `${own.api}/auth/login`, { body, ip });
      expect([401, 429]).toContain(reply.status);
    };
    const rows = () =>
      inside
        .prepare(
          `SELECT action, count FROM audit_log JOIN audit_sums USING (sum_key)
            WHERE action LIKE 'session.sign_in_%' ORDER BY seq`,
        )
        .raw();
    await Promise.all(times(30, (index) => fail(`made-up-${index}@x.test`, "198.51.100.1")));
    expect(await rows()).toEqual([["session.sign_in_failed", 30]]);
    const site = (index: number) => `2001:db8:7:${index.toString(16)}::${index}`;
    await Promise.all(times(30, (index) => fail(`over-there-${index}@x.test`, site(index))));
    expect(await rows()).toEqual([
      ["session.sign_in_failed", 30],
      ["session.sign_in_failed", 30],
    ]);
    // Of a known user and of locked e-mails, too: one row more, for the other action.
    for (const _ of times(8, () => null)) await fail(own.admin.email, "198.51.100.200");
    const [locked] = (await rows()).slice(2) as [string, number][];
    expect(locked?.[0]).toBe("session.sign_in_locked");
    const counts = (await rows()) as [string, number][];
    expect(counts).toHaveLength(3);
    expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(68);
    vi.setSystemTime(new Date("2030-07-01T12:01:00Z"));
    await fail("made-up-0@x.test", "198.51.100.1");
    expect(await rows()).toHaveLength(4);
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
});

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newTenant,
  problemOf,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { times } from "../../support/registration.ts";
import { databaseOfTenant, firstValue } from "../../support/worker.ts";

const DAY = 86_400_000;

describe("sessions", () => {
  let house: TestTenant;
  beforeAll(async () => {
    house = await newTenant("sessions");
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const as = (by: Caller, method: string, path: string, body?: unknown) =>
    call(method, `${house.api}${path}`, { token: by.token, body });
  const listed = async (by: Caller, query = "") =>
    (await as(by, "GET", `/auth/sessions${query}`)).json;
  const refresh = (by: Caller) =>
    call("POST", `${house.api}/auth/refresh`, { body: { refresh_token: by.refreshToken } });
  const isOver = async (by: Caller) => {
    expect(problemOf(await as(by, "GET", "/auth/me"))).toBe("unauthenticated");
    expect(problemOf(await refresh(by))).toBe("invalid-refresh-token");
  };

  it("are listed with where they began, the caller's own marked, page by page", async () => {
    const first = await addUser(house, "user");
    const second = await signIn(house.api, first.email);
    await signIn(house.api, first.email);
    const all = await listed(second);
    expect(all.data.map(({ current }: { current: boolean }) => current)).toEqual([
      false,
      true,
      false,
    ]);
    expect(all.data[0]).toMatchObject({ ip: "203.0.113.7", user_agent: "" });
    expect(all.data[0]).not.toHaveProperty("user_id");
    const page = await listed(second, "?limit=2");
    const rest = await listed(second, `?limit=2&cursor=${page.next_cursor}`);
    expect([...page.data, ...rest.data]).toEqual(all.data);
    expect(rest.next_cursor).toBeNull();
    const other = await addUser(house, "user");
    const foreign = await as(other, "GET", `/auth/sessions?cursor=${page.next_cursor}`);
    expect(problemOf(foreign)).toBe("invalid-cursor");
  });

  it("end one by one; nobody ends another's", async () => {
    const first = await addUser(house, "user");
    const second = await signIn(house.api, first.email);
    const other = await addUser(house, "admin");
    const [{ id }] = (await listed(first)).data;
    expect(problemOf(await as(other, "DELETE", `/auth/sessions/${id}`))).toBe("not-found");
    expect((await as(second, "DELETE", `/auth/sessions/${id}`)).status).toBe(204);
    await isOver(first);
    expect((await as(second, "GET", "/auth/me")).status).toBe(200);
    expect(problemOf(await as(second, "DELETE", `/auth/sessions/${id}`))).toBe("not-found");
    expect((await listed(second)).data).toHaveLength(1);
  });

  it("end at sign-out: this one, or all", async () => {
    const first = await addUser(house, "user");
    const [second, third] = [
      await signIn(house.api, first.email),
      await signIn(house.api, first.email),
    ];
    expect((await as(first, "POST", "/auth/logout")).status).toBe(204);
    await isOver(first);
    expect((await as(second, "GET", "/auth/me")).status).toBe(200);
    expect((await as(second, "POST", "/auth/logout", { all: true })).status).toBe(204);
    await isOver(second);
    await isOver(third);
  });

  it("ended by 20 sign-outs at once are audited once", async () => {
    const user = await addUser(house, "user");
    await as(user, "GET", "/auth/me");
    const replies = await Promise.all(times(20, () => as(user, "POST", "/auth/logout")));
    for (const { status } of replies) expect([204, 401]).toContain(status);
    const database = await databaseOfTenant(house.slug);
    const ended = `SELECT count(*) FROM audit_log
      WHERE action = 'session.ended' AND principal = 'user:' || ?`;
    expect(await firstValue(database, ended, user.id)).toBe(1);
  });

  it("end with their user", async () => {
    const user = await addUser(house, "user");
    expect((await as(house.admin, "DELETE", `/users/${user.id}`)).status).toBe(204);
    await isOver(user);
    const database = await databaseOfTenant(house.slug);
    for (const table of ["sessions", "devices"]) {
      const left = `SELECT count(*) FROM ${table} WHERE user_id = ?`;
      expect(await firstValue(database, left, user.id), table).toBe(0);
    }
  });

  it("ended elsewhere are over within 5 seconds, whatever this isolate believes", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const user = await addUser(house, "user");
    expect((await as(user, "GET", "/auth/me")).status).toBe(200);
    // As another isolate would: behind this one's back.
    await (await databaseOfTenant(house.slug))
      .prepare("UPDATE sessions SET revoked_at = ? WHERE user_id = ?")
      .bind(Date.now(), user.id)
      .run();
    vi.setSystemTime(Date.now() + 4_999);
    expect((await as(user, "GET", "/auth/me")).status).toBe(200);
    vi.setSystemTime(Date.now() + 1);
    expect(problemOf(await as(user, "GET", "/auth/me"))).toBe("unauthenticated");
  });

  it("that ended long ago are swept by sign-ins", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const user = await addUser(house, "user");
    const database = await databaseOfTenant(house.slug);
    const rows = () =>
      Promise.all(
        [
          "sessions WHERE user_id = ?",
          "refresh_tokens JOIN sessions ON id = session_id WHERE user_id = ?",
        ].map((from) => firstValue<number>(database, `SELECT count(*) FROM ${from}`, user.id)),
      );
    expect(await rows()).toEqual([1, 1]);
    const orphans = `SELECT count(*) FROM refresh_tokens
      WHERE session_id NOT IN (SELECT id FROM sessions)`;
    vi.setSystemTime(Date.now() + 31 * DAY);
    // Ten at a time; the other tests of this file left some too.
    for (const _ of times(4, () => null)) await signIn(house.api, house.admin.email);
    expect(await rows()).toEqual([0, 0]);
    expect(await firstValue(database, orphans)).toBe(0);
  });
});

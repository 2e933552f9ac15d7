import { beforeAll, describe, expect, it } from "vitest";
import { addUser, call, newTenant, problemOf, type TestTenant } from "../support/client.ts";
import { times } from "../support/registration.ts";
import { databaseOfTenant, firstValue } from "../support/worker.ts";

const ROUNDS = 5;
const WRITERS = 50;

describe("writers with If-Match", () => {
  let house: TestTenant;
  beforeAll(async () => {
    house = await newTenant("writers");
  });

  const api = (method: string, path: string, body?: unknown, tag?: string | null) =>
    call(method, `${house.api}${path}`, {
      token: house.admin.token,
      body,
      ...(tag ? { headers: { "if-match": tag } } : {}),
    });

  it(`${WRITERS} at once: in each round one is right, the others hear that they are stale`, async () => {
    const { id } = await addUser(house, "user");
    const database = await databaseOfTenant(house.slug);
    const changes = "SELECT count(*) FROM audit_log WHERE action = 'user.updated'";
    for (const round of times(ROUNDS, (index) => index)) {
      const tag = (await api("GET", `/users/${id}`)).headers.get("etag");
      const replies = await Promise.all(
        times(WRITERS, (index) => api("PUT", `/users/${id}`, { first_name: `W${index}` }, tag)),
      );
      const winners = replies.filter(({ status }) => status === 200);
      expect(winners, `round ${round}`).toHaveLength(1);
      const losers = replies.filter(({ status }) => status !== 200);
      expect(losers.map(({ status }) => status)).toEqual(times(WRITERS - 1, () => 412));
      expect(new Set(losers.map(problemOf))).toEqual(new Set(["precondition-failed"]));
      const now = await api("GET", `/users/${id}`);
      expect(now.json).toEqual(winners[0]?.json);
      expect(now.headers.get("etag")).toBe(winners[0]?.headers.get("etag"));
      expect(await firstValue(database, changes)).toBe(round + 1);
    }
  });

  it("without a condition nothing is lost silently either: a lost race is a conflict", async () => {
    const { id } = await addUser(house, "user");
    const database = await databaseOfTenant(house.slug);
    const version = () =>
      firstValue<number>(database, "SELECT version FROM users WHERE id = ?", id);
    const before = await version();
    const replies = await Promise.all(
      times(WRITERS, (index) => api("PUT", `/users/${id}`, { last_name: `W${index}` })),
    );
    const made = replies.filter(({ status }) => status === 200);
    const lost = replies.filter(({ status }) => status !== 200);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(lost.map(problemOf))).toEqual(new Set(lost.length > 0 ? ["conflict"] : []));
    expect(await version()).toBe(before + made.length);
  });

  it("deletes and updates of one version: one of them happens", async () => {
    const { id } = await addUser(house, "user");
    const tag = (await api("GET", `/users/${id}`)).headers.get("etag");
    const replies = await Promise.all(
      times(20, (index) =>
        index % 2
          ? api("DELETE", `/users/${id}`, undefined, tag)
          : api("PUT", `/users/${id}`, { first_name: `W${index}` }, tag),
      ),
    );
    expect(replies.filter(({ status }) => status < 300)).toHaveLength(1);
    const others = replies.filter(({ status }) => status >= 300);
    expect(others.every(({ status }) => status === 412 || status === 404)).toBe(true);
  });
});

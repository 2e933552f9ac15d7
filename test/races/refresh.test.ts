import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newTenant,
  problemOf,
  type Reply,
  signIn,
  type TestTenant,
} from "../support/client.ts";
import { times } from "../support/registration.ts";
import { databaseOfTenant, firstValue } from "../support/worker.ts";

describe("refresh tokens", () => {
  let house: TestTenant;
  let user: Caller;
  beforeAll(async () => {
    house = await newTenant("refreshers");
    user = await addUser(house, "user");
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const refresh = (token: string) =>
    call("POST", `${house.api}/auth/refresh`, { body: { refresh_token: token } });
  const me = (token: string) => call("GET", `${house.api}/auth/me`, { token });
  const audited = async (action: string) =>
    firstValue<number>(
      await databaseOfTenant(house.slug),
      "SELECT count(*) FROM audit_log WHERE action = ?",
      action,
    );

  /** Exchanges a token, then its successor, and so on; all tokens, oldest first. */
  async function descend(first: string, generations: number): Promise<string[]> {
    const line = [first];
    for (const last of times(generations, () => () => line.at(-1) as string)) {
      const reply = await refresh(last());
      expect(reply.status, reply.text).toBe(200);
      line.push(reply.json.refresh_token);
    }
    return line;
  }

  it("100 uses of one: exactly one wins, its tokens work, the family lives, a theft ends it", async () => {
    let { refreshToken } = await signIn(house.api, user.email);
    const old: string[] = [];
    for (const generation of times(5, (index) => index + 1)) {
      const before = await audited("session.refreshed");
      const token = refreshToken;
      const replies = await Promise.all(times(100, () => refresh(token)));
      const winners = replies.filter(({ status }) => status === 200);
      expect(winners, `generation ${generation}`).toHaveLength(1);
      const losers = replies.filter(({ status }) => status !== 200);
      expect(new Set(losers.map(({ status }) => status))).toEqual(new Set([401]));
      expect(new Set(losers.map(problemOf))).toEqual(new Set(["refresh-superseded"]));
      expect(await audited("session.refreshed")).toBe(before + 1);
      const [winner] = winners as [Reply];
      expect((await me(winner.json.access_token)).status).toBe(200);
      old.push(refreshToken);
      refreshToken = winner.json.refresh_token;
    }
    // The family lived through all that. Five generations down, an old one shows a theft.
    const last = await refresh(refreshToken);
    expect(last.status).toBe(200);
    expect(problemOf(await refresh(old[0] as string))).toBe("invalid-refresh-token");
    expect(problemOf(await refresh(last.json.refresh_token))).toBe("invalid-refresh-token");
    expect(problemOf(await me(last.json.access_token))).toBe("unauthenticated");
    expect(await audited("session.refresh_token_reused")).toBe(1);
  });

  it.each([1, 2, 3, 4])("%i generations above the parent, one ends the family", async (above) => {
    const { refreshToken } = await signIn(house.api, user.email);
    const line = await descend(refreshToken, 5);
    const stolen = line.at(-2 - above) as string;
    expect(problemOf(await refresh(stolen))).toBe("invalid-refresh-token");
    expect(problemOf(await refresh(line.at(-1) as string))).toBe("invalid-refresh-token");
  });

  it("a theft seen 50 times at once is audited once, and ends that session alone", async () => {
    const before = await audited("session.refresh_token_reused");
    const [victim, other] = [
      await signIn(house.api, user.email),
      await signIn(house.api, user.email),
    ];
    const [oldest] = await descend(victim.refreshToken, 2);
    const replies = await Promise.all(times(50, () => refresh(oldest as string)));
    expect(new Set(replies.map(problemOf))).toEqual(new Set(["invalid-refresh-token"]));
    expect(await audited("session.refresh_token_reused")).toBe(before + 1);
    expect((await refresh(other.refreshToken)).status).toBe(200);
  });

  it("the parent is told of its successor for 10 seconds, and is a theft after that", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { refreshToken } = await signIn(house.api, user.email);
    const at = Date.now();
    const [, child] = await descend(refreshToken, 1);
    vi.setSystemTime(at + 10_000);
    expect(problemOf(await refresh(refreshToken))).toBe("refresh-superseded");
    expect((await refresh(child as string)).status).toBe(200);

    const again = await signIn(house.api, user.email);
    const from = Date.now();
    const [, successor] = await descend(again.refreshToken, 1);
    vi.setSystemTime(from + 10_001);
    expect(problemOf(await refresh(again.refreshToken))).toBe("invalid-refresh-token");
    expect(problemOf(await refresh(successor as string))).toBe("invalid-refresh-token");
  });

  it("the grandparent is a theft even within the 10 seconds", async () => {
    const { refreshToken } = await signIn(house.api, user.email);
    const line = await descend(refreshToken, 2);
    expect(problemOf(await refresh(refreshToken))).toBe("invalid-refresh-token");
    expect(problemOf(await refresh(line[2] as string))).toBe("invalid-refresh-token");
  });

  it("die when unused for 7 days, and with the session after 30", async () => {
    const day = 86_400_000;
    vi.useFakeTimers({ toFake: ["Date"] });
    const start = Date.now();
    const idle = await signIn(house.api, user.email);
    let { refreshToken } = await signIn(house.api, user.email);
    vi.setSystemTime(start + 7 * day);
    expect(problemOf(await refresh(idle.refreshToken))).toBe("invalid-refresh-token");
    for (const days of [6, 12, 18, 24, 29]) {
      vi.setSystemTime(start + days * day);
      [, refreshToken] = (await descend(refreshToken, 1)) as [string, string];
    }
    vi.setSystemTime(start + 30 * day);
    expect(problemOf(await refresh(refreshToken))).toBe("invalid-refresh-token");
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  call,
  newTenant,
  PASSWORD,
  problemOf,
  type Reply,
  type TestTenant,
} from "../support/client.ts";
import { times } from "../support/registration.ts";
import { databaseOfTenant, firstValue } from "../support/worker.ts";

const ALLOWED = 5;

describe("passwords guessed at once", () => {
  let house: TestTenant;
  beforeAll(async () => {
    house = await newTenant("guessed");
  });

  const guess = (email: string, password: string, ip = "203.0.113.7") =>
    call("POST", `${house.api}/auth/login`, { body: { email, password }, ip });
  const kinds = (replies: readonly Reply[]) =>
    Object.fromEntries(
      [...Map.groupBy(replies, problemOf)].map(([kind, list]) => [kind, list.length]),
    );

  it("100 wrong ones: no more are answered than are allowed, then the lock", async () => {
    const { email } = await addUser(house, "user");
    const replies = await Promise.all(times(100, (index) => guess(email, `${PASSWORD}-${index}`)));
    expect(kinds(replies)).toEqual({ "invalid-credentials": ALLOWED, "sign-in-locked": 95 });
    for (const reply of replies) {
      if (reply.status === 429) expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    const after = await guess(email, PASSWORD);
    expect([after.status, problemOf(after)]).toEqual([429, "sign-in-locked"]);
  });

  it("the same for an e-mail that nobody has", async () => {
    const replies = await Promise.all(
      times(100, (index) => guess("nobody@guessed.test", `${PASSWORD}-${index}`)),
    );
    expect(kinds(replies)).toEqual({ "invalid-credentials": ALLOWED, "sign-in-locked": 95 });
  });

  it("one right among 99 wrong ones gets in before the lock or not at all", async () => {
    const database = await databaseOfTenant(house.slug);
    let refused = 0;
    for (const place of [0, 50, 99]) {
      const { id, email } = await addUser(house, "user");
      const sessions = () =>
        firstValue<number>(database, "SELECT count(*) FROM sessions WHERE user_id = ?", id);
      const before = await sessions();
      const replies = await Promise.all(
        times(100, (index) => guess(email, index === place ? PASSWORD : `${PASSWORD}-${index}`)),
      );
      const inside = replies.filter(({ status }) => status === 200).length;
      const wrong = replies.filter(({ status }) => status === 401).length;
      expect(await sessions()).toBe(before + inside);
      // A success forgets the failures before it, so the count may begin once more.
      expect(wrong).toBeLessThanOrEqual(ALLOWED * (1 + inside));
      refused += 1 - inside;
    }
    expect(refused, "right guesses that came after the lock").toBeGreaterThan(0);
  });
});

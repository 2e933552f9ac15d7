import { describe, expect, it } from "vitest";
import { addUser, type Caller, call, newTenant, problemOf } from "../support/client.ts";
import { times } from "../support/registration.ts";
import { databaseOfTenant, firstValue } from "../support/worker.ts";

const ROUNDS = 5;

const WAYS = {
  "demote each other": ["demote", "demote"],
  "delete each other": ["delete", "delete"],
  "demote and delete each other": ["demote", "delete"],
} as const;

describe("the last two admins", () => {
  it.each(Object.entries(WAYS))("%s at once: one stays", async (name, [first, second]) => {
    const house = await newTenant(`admins-${name.replaceAll(" ", "-")}`.slice(0, 40));
    const database = await databaseOfTenant(house.slug);
    const admins = "SELECT count(*) FROM users WHERE role = 'admin'";
    let one: Caller = house.admin;
    for (const round of times(ROUNDS, (index) => index)) {
      const email = `second-${round}@${house.slug}.test`;
      const other = await addUser({ ...house, admin: one }, "admin", email);
      const act = (by: Caller, on: Caller, way: "demote" | "delete") =>
        way === "delete"
          ? call("DELETE", `${house.api}/users/${on.id}`, { token: by.token })
          : call("PUT", `${house.api}/users/${on.id}`, {
              token: by.token,
              body: { role: "user" },
            });
      // Both are known to the isolate, so that both get past the check of their role.
      await Promise.all(
        [one, other].map(({ token }) => call("GET", `${house.api}/auth/me`, { token })),
      );
      const replies = await Promise.all([act(one, other, first), act(other, one, second)]);
      const [lost, ...rest] = replies.filter(({ status }) => status >= 400);
      expect(rest).toEqual([]);
      expect(lost && [lost.status, problemOf(lost)]).toEqual([409, "last-admin"]);
      expect(await firstValue(database, admins)).toBe(1);
      one = (replies[0]?.status ?? 0) < 400 ? one : other;
    }
  });
});

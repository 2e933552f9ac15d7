/** A sign-in reads, hashes for a while and then commits: what changed meanwhile has to count. */

import bcrypt from "bcryptjs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newTenant,
  PASSWORD,
  problemOf,
  type TestTenant,
} from "../support/client.ts";
import { databaseOfTenant, firstValue, openWorker, wrapAll } from "../support/worker.ts";

const NEW_PASSWORD = `${PASSWORD}-new`;

let house: TestTenant;
beforeAll(async () => {
  house = await newTenant("password-races");
});

const login = (email: string, password: string) =>
  call("POST", `${house.api}/auth/login`, { body: { email, password } });

const changePassword = (user: Caller) =>
  call("POST", `${house.api}/users/change-password`, {
    token: user.token,
    body: { current_password: PASSWORD, new_password: NEW_PASSWORD },
  });

/** Signs in with the old password, and lets something happen just before that is committed. */
async function signInWhile(email: string, happens: () => Promise<void>) {
  let once = happens;
  const worker = openWorker(
    wrapAll(() => async (trip, run) => {
      if (trip.kind === "batch" && trip.sql.some((sql) => /insert into "sessions"/i.test(sql))) {
        const now = once;
        once = async () => undefined;
        await now();
      }
      return run();
    }),
  );
  const body = { email, password: PASSWORD };
  return worker.call("POST", `${house.api}/auth/login`, { body });
}

describe("a sign-in with the old password that commits after its change", () => {
  it("opens nothing", async () => {
    const user = await addUser(house, "user");
    const late = await signInWhile(user.email, async () => {
      expect((await changePassword(user)).status).toBe(204);
    });
    expect(problemOf(late)).toBe("invalid-credentials");
    expect((await login(user.email, NEW_PASSWORD)).status).toBe(200);
  });

  it("does not bring the old password back by improving its hash", async () => {
    const user = await addUser(house, "user");
    const database = await databaseOfTenant(house.slug);
    await database
      .prepare("UPDATE users SET password_hash = ? WHERE id = ?")
      .bind(await bcrypt.hash(PASSWORD, 4), user.id)
      .run();
    await signInWhile(user.email, async () => {
      expect((await changePassword(user)).status).toBe(204);
    });
    expect((await login(user.email, NEW_PASSWORD)).status).toBe(200);
    expect(problemOf(await login(user.email, PASSWORD))).toBe("invalid-credentials");
  });

  it("may improve the hash when nothing changed, and so may another at once", async () => {
    const user = await addUser(house, "user");
    const database = await databaseOfTenant(house.slug);
    await database
      .prepare("UPDATE users SET password_hash = ? WHERE id = ?")
      .bind(await bcrypt.hash(PASSWORD, 4), user.id)
      .run();
    const both = await Promise.all([login(user.email, PASSWORD), login(user.email, PASSWORD)]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    const hash = "SELECT password_hash FROM users WHERE id = ?";
    expect(await firstValue<string>(database, hash, user.id)).toMatch(/^\$scrypt\$/);
  });
});

it("a change of a user does not undo a sign-in that was noted meanwhile", async () => {
  const user = await addUser(house, "user");
  const at = Date.now() + 5_000;
  const database = await databaseOfTenant(house.slug);
  const worker = openWorker(
    wrapAll(() => async (trip, run) => {
      if (trip.kind === "batch" && trip.sql.some((sql) => /update "users"/i.test(sql))) {
        await database
          .prepare("UPDATE users SET last_sign_in_at = ? WHERE id = ?")
          .bind(at, user.id)
          .run();
      }
      return run();
    }),
  );
  const changed = await worker.call("PUT", `${house.api}/users/${user.id}`, {
    token: house.admin.token,
    body: { first_name: "Renamed" },
  });
  expect(changed.status).toBe(200);
  const seen = "SELECT last_sign_in_at FROM users WHERE id = ?";
  expect(await firstValue<number>(database, seen, user.id)).toBe(at);
});

import { hash as bcrypt } from "bcryptjs";
import { beforeAll, describe, expect, it } from "vitest";
import { hashCount, hashPassword } from "../../../src/platform/crypto/password-hash.ts";
import {
  addUser,
  call,
  newTenant,
  PASSWORD,
  problemOf,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { times } from "../../support/registration.ts";
import { databaseOfTenant, firstValue, openWorker } from "../../support/worker.ts";

/** The tests' own parameters: see vitest.config.ts. */
const CURRENT = /^\$scrypt\$ln=4,r=8,p=5\$/;

describe("stored passwords", () => {
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    house = await newTenant("stored");
    database = await databaseOfTenant(house.slug);
  });

  const storedFor = (id: string) =>
    firstValue<string>(database, "SELECT password_hash FROM users WHERE id = ?", id);
  const store = (id: string, text: string) =>
    database.prepare("UPDATE users SET password_hash = ? WHERE id = ?").bind(text, id).run();
  const attempt = async (email: string, password: string) => {
    const before = hashCount();
    const reply = await call("POST", `${house.api}/auth/login`, { body: { email, password } });
    return { reply, hashes: hashCount() - before };
  };

  const imports: Record<string, () => Promise<string>> = {
    "bcrypt, as other systems make them": () => bcrypt(PASSWORD, 4),
    "scrypt with a smaller N": () => hashPassword(PASSWORD, { ln: 3, r: 8, p: 5 }),
    "scrypt with another p": () => hashPassword(PASSWORD, { ln: 4, r: 8, p: 1 }),
    "scrypt with a larger N": () => hashPassword(PASSWORD, { ln: 6, r: 8, p: 1 }),
  };

  it.each(Object.keys(imports))("%s: verified, and made anew at sign-in", async (kind) => {
    const { id, email } = await addUser(house, "user");
    const old = await (imports[kind] as () => Promise<string>)();
    await store(id, old);

    const wrong = await attempt(email, `${PASSWORD}-wrong`);
    expect([problemOf(wrong.reply), wrong.hashes]).toEqual(["invalid-credentials", 1]);
    expect(await storedFor(id), "a wrong password changes nothing").toBe(old);

    const first = await attempt(email, PASSWORD);
    expect([first.reply.status, first.hashes]).toEqual([200, 2]);
    const renewed = await storedFor(id);
    expect(renewed).toMatch(CURRENT);
    const second = await attempt(email, PASSWORD);
    expect([second.reply.status, second.hashes]).toEqual([200, 1]);
    expect(await storedFor(id)).toBe(renewed);
  });

  it("current ones stay as they are", async () => {
    const { id, email } = await addUser(house, "user");
    const before = await storedFor(id);
    expect(before).toMatch(CURRENT);
    expect((await attempt(email, PASSWORD)).hashes).toBe(1);
    expect(await storedFor(id)).toBe(before);
  });

  it.each(["", "plain text", "$2b$31$aaaa", "$scrypt$ln=20,r=8,p=5$AAAA$AAAA"])(
    "what cannot be read, %j, lets nobody in",
    async (text) => {
      const { id, email } = await addUser(house, "user");
      await store(id, text);
      expect(problemOf((await attempt(email, PASSWORD)).reply)).toBe("invalid-credentials");
      expect(problemOf((await attempt(email, text || "-")).reply)).toBe("invalid-credentials");
    },
  );

  it("as many hashes wait as are allowed; more callers are told to come back", async () => {
    // bcrypt hands the isolate back now and then, so that others arrive while it is at work.
    const slow = await bcrypt(PASSWORD, 8);
    const people = await Promise.all(times(10, () => addUser(house, "user")));
    await Promise.all(people.map(({ id }) => store(id, slow)));
    const busy = openWorker({ PASSWORD_QUEUE: "3" });
    const replies = await Promise.all(
      people.map(({ email }) =>
        busy.call("POST", `${house.api}/auth/login`, {
          body: { email, password: `${PASSWORD}-wrong` },
        }),
      ),
    );
    const refused = replies.filter(({ status }) => status === 503);
    const answered = replies.filter(({ status }) => status === 401);
    expect(answered).toHaveLength(1 + 3);
    expect(refused).toHaveLength(6);
    expect(new Set(refused.map(problemOf))).toEqual(new Set(["overloaded"]));
    expect(refused.map(({ headers }) => headers.get("retry-after"))).toEqual(times(6, () => "1"));
    // Nobody was blamed for it, and when it is quiet again there is room.
    const failures = "SELECT coalesce(sum(failures), 0) FROM sign_in_failures WHERE network = '*'";
    expect(await firstValue(database, `${failures} AND email LIKE 'user-%'`)).toBeGreaterThan(3);
    const [first] = people;
    await signIn(house.api, first?.email ?? "");
  });
});

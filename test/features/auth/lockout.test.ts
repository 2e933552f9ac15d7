import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  addUser,
  call,
  newTenant,
  PASSWORD,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { times } from "../../support/registration.ts";
import { databaseOfTenant, firstValue } from "../../support/worker.ts";

const MINUTE = 60_000;

describe("sign-in locks", () => {
  let house: TestTenant;
  beforeAll(async () => {
    house = await newTenant("locks");
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const tryTo = (email: string, password: string, ip = "203.0.113.7", device?: string) =>
    call("POST", `${house.api}/auth/login`, {
      ip,
      body: { email, password, ...(device ? { device_token: device } : {}) },
    });
  async function fail(email: string, count: number, ip?: string): Promise<void> {
    for (const _ of times(count, () => null)) {
      const reply = await tryTo(email, `${PASSWORD}-wrong`, ip);
      expect(problemOf(reply)).toBe("invalid-credentials");
    }
  }
  const admin = (method: string, path: string) =>
    call(method, `${house.api}${path}`, { token: house.admin.token });

  it("come with the fifth failure within 15 minutes, and with no fewer", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const start = Date.now();
    const { email } = await addUser(house, "user");
    await fail(email, 4);
    vi.setSystemTime(start + 15 * MINUTE);
    // The four are out of the window: these are the first of a new one.
    await fail(email, 4);
    expect((await tryTo(email, PASSWORD)).status).toBe(200);
    // A success forgets them.
    await fail(email, 4);
    expect((await tryTo(email, PASSWORD)).status).toBe(200);
    await fail(email, 5);
    expect(problemOf(await tryTo(email, PASSWORD))).toBe("sign-in-locked");
  });

  it("forget how often they were set, after a quiet quarter of an hour", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { email } = await addUser(house, "user");
    const lockedFor = async () => {
      await fail(email, 5);
      return Number((await tryTo(email, PASSWORD)).headers.get("retry-after"));
    };
    expect(await lockedFor()).toBe(60);
    vi.setSystemTime(Date.now() + MINUTE);
    expect(await lockedFor()).toBe(120);
    vi.setSystemTime(Date.now() + 2 * MINUTE + 15 * MINUTE);
    expect(await lockedFor()).toBe(60);
  });

  it.each([
    ["203.0.113.7", "203.0.113.250", "203.0.112.7"],
    ["2001:db8:1::1", "2001:db8:1:ffff::2", "2001:db8:2::1"],
    ["::ffff:203.0.113.7", "203.0.113.9", "::ffff:203.0.114.7"],
  ])("are for a network: %s locks %s, not %s", async (from, near, far) => {
    const { email } = await addUser(house, "user");
    const bystander = await addUser(house, "user");
    await fail(email, 5, from);
    const seen = async (id: string) => (await admin("GET", `/users/${id}`)).json.locked_until;
    expect(await seen(bystander.id), "nobody else is locked").toBeNull();
    expect(problemOf(await tryTo(email, PASSWORD, near))).toBe("sign-in-locked");
    expect((await tryTo(email, PASSWORD, far)).status).toBe(200);
  });

  it("of many networks together are for all but devices that have signed in before", async () => {
    const { email, deviceToken } = await addUser(house, "user");
    const other = await addUser(house, "user");
    for (const network of times(4, (index) => `198.51.${index}.1`)) await fail(email, 5, network);
    const ip = "192.0.2.1";
    expect(problemOf(await tryTo(email, PASSWORD, ip))).toBe("sign-in-locked");
    expect(problemOf(await tryTo(email, PASSWORD, ip, other.deviceToken))).toBe("sign-in-locked");
    expect(problemOf(await tryTo(email, PASSWORD, ip, "rwd_made-up"))).toBe("sign-in-locked");
    // A known device on a network that is locked by itself stays out.
    expect(problemOf(await tryTo(email, PASSWORD, "198.51.2.9", deviceToken))).toBe(
      "sign-in-locked",
    );
    const inside = await tryTo(email, PASSWORD, ip, deviceToken);
    expect(inside.status, inside.text).toBe(200);
    expect(inside.json.device_token).toBe(deviceToken);
  });

  it("of one network are not lifted by a sign-in from another", async () => {
    const { email } = await addUser(house, "user");
    await fail(email, 4, "198.51.100.1");
    expect((await tryTo(email, PASSWORD, "192.0.2.1")).status).toBe(200);
    await fail(email, 1, "198.51.100.1");
    expect(problemOf(await tryTo(email, PASSWORD, "198.51.100.1"))).toBe("sign-in-locked");
  });

  it("set by strangers do not keep the owner from changing the password", async () => {
    const user = await addUser(house, "user");
    // From the owner's own network, too.
    await fail(user.email, 5);
    const change = (current_password: string) =>
      call("POST", `${house.api}/users/change-password`, {
        token: user.token,
        body: { current_password, new_password: `${PASSWORD}-new` },
      });
    // Whoever holds the token may guess no more often than at the door.
    for (const _ of times(5, () => null)) {
      expect(problemOf(await change(`${PASSWORD}-wrong`))).toBe("wrong-password");
    }
    expect(problemOf(await change(PASSWORD))).toBe("sign-in-locked");
    await admin("POST", `/users/${user.id}/unlock`);
    expect((await change(PASSWORD)).status).toBe(204);
  });

  it("know a device for 90 days, twenty of them, and none from before a change of password", async () => {
    const user = await addUser(house, "user");
    const database = await databaseOfTenant(house.slug);
    const known = () =>
      firstValue<number>(database, "SELECT count(*) FROM devices WHERE user_id = ?", user.id);
    for (const _ of times(22, () => null)) await tryTo(user.email, PASSWORD);
    expect(await known()).toBe(20);

    const stays = (await tryTo(user.email, PASSWORD)).json.device_token;
    const old = "UPDATE devices SET last_used_at = ? WHERE user_id = ?";
    await database
      .prepare(old)
      .bind(Date.now() - 90 * 24 * 60 * MINUTE, user.id)
      .run();
    const again = await tryTo(user.email, PASSWORD, undefined, stays);
    expect(again.json.device_token).not.toBe(stays);

    const changed = await call("POST", `${house.api}/users/change-password`, {
      token: again.json.access_token,
      body: { current_password: PASSWORD, new_password: `${PASSWORD}-new` },
    });
    expect(changed.status).toBe(204);
    expect(await known()).toBe(0);
  });

  it("are seen and lifted by an admin, and by nobody else", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const [user, manager] = [await addUser(house, "user"), await addUser(house, "manager")];
    const view = async () => (await admin("GET", `/users/${user.id}`)).json;
    expect((await view()).locked_until).toBeNull();
    expect(new Date((await view()).last_sign_in_at).getTime()).toBe(Date.now());
    await fail(user.email, 5);
    const until = new Date(Date.now() + MINUTE).toISOString();
    expect((await view()).locked_until).toBe(until);
    const listed = (await admin("GET", "/users")).json.data as { id: string }[];
    expect(listed.find(({ id }) => id === user.id)).toMatchObject({ locked_until: until });

    const refused = await call("POST", `${house.api}/users/${user.id}/unlock`, {
      token: manager.token,
    });
    expect(problemOf(refused)).toBe("permission-denied");
    const unlocked = await admin("POST", `/users/${user.id}/unlock`);
    expect([unlocked.status, unlocked.json.locked_until]).toEqual([200, null]);
    expect((await tryTo(user.email, PASSWORD)).status).toBe(200);
    const log = await admin("GET", `/audit?action=user.unlocked&target=${user.id}`);
    expect(log.json.data).toHaveLength(1);
  });

  it("hold for a change of password too", async () => {
    const user = await addUser(house, "user");
    const change = (password: string) =>
      call("POST", `${house.api}/users/change-password`, {
        token: user.token,
        body: { current_password: password, new_password: `${PASSWORD}-2` },
      });
    for (const _ of times(5, () => null)) {
      expect(problemOf(await change(`${PASSWORD}-wrong`))).toBe("wrong-password");
    }
    expect(problemOf(await change(PASSWORD))).toBe("sign-in-locked");
  });

  it("and failures are audited, a network's minute in one row, whatever the e-mail", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(new Date("2030-01-01T00:00:00Z"));
    const { api, slug, admin: boss } = await newTenant("audited-locks");
    const database = await databaseOfTenant(slug);
    const attempt = (email: string, ip = "203.0.113.7") =>
      call("POST", `${api}/auth/login`, { ip, body: { email, password: `${PASSWORD}-wrong` } });
    const rows = async (action: string) => {
      const page = await call("GET", `${api}/audit?action=${action}`, { token: boss.token });
      return page.json.data.map(({ count }: { count: number }) => count);
    };
    for (const _ of times(40, () => null)) await attempt("ghost@audited.test");
    expect(await rows("session.sign_in_failed")).toEqual([5]);
    expect(await rows("session.sign_in_locked")).toEqual([35]);
    for (const _ of times(3, () => null)) await attempt("ghost@audited.test", "198.51.100.1");
    await attempt("other@audited.test");
    expect(await rows("session.sign_in_failed")).toEqual([3, 6]);
    vi.setSystemTime(new Date("2030-01-01T00:01:00Z"));
    await attempt("other@audited.test");
    expect(await rows("session.sign_in_failed")).toEqual([1, 3, 6]);
    // One row of the log for each, however many there were.
    const kinds = "SELECT count(*) FROM audit_log WHERE action LIKE 'session.sign_in_%'";
    expect(await firstValue(database, kinds)).toBe(4);
  });
});

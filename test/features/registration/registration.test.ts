import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { hashCount } from "../../../src/platform/crypto/password-hash.ts";
import {
  type Caller,
  call,
  newOperator,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
} from "../../support/client.ts";
import type { Around } from "../../support/d1.ts";
import { REGISTER, registrationOf, times } from "../../support/registration.ts";
import { bindings, firstValue, openWorker, registryOf, wrapAll } from "../../support/worker.ts";

const DAY = 86_400_000;
const countIn = (table: string) =>
  firstValue<number>(bindings.CONTROL_DB, `SELECT count(*) FROM ${table}`);

describe("registration", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const invite = async (days?: number) => {
    const reply = await call("POST", `${PLATFORM_ORIGIN}/api/v1/invitations`, {
      token: operator.token,
      body: days === undefined ? {} : { expires_in_days: days },
    });
    expect(reply.status, reply.text).toBe(201);
    return reply.json as { id: string; token: string; expires_at: string };
  };

  it("answers with the tenant, its admin and tokens that work at once", async () => {
    const reply = await call("POST", REGISTER, { body: registrationOf("whole-answer") });
    expect(reply.status).toBe(201);
    expect(reply.json).toMatchObject({
      tenant: {
        slug: "whole-answer",
        name: "Company whole-answer",
        url: "http://whole-answer.rowhouse.test",
        status: "active",
      },
      user: { email: "admin@whole-answer.test", role: "admin", first_name: "Ada" },
      token_type: "Bearer",
      expires_in: 900,
    });
    // The registry's view of the tenant is for operators; its admin may never read it.
    expect(reply.headers.get("location")).toBeNull();
    const api = `${reply.json.tenant.url}/api/v1`;
    const me = await call("GET", `${api}/auth/me`, { token: reply.json.access_token });
    expect(me.json.id).toBe(reply.json.user.id);
    const next = await call("POST", `${api}/auth/refresh`, {
      body: { refresh_token: reply.json.refresh_token },
    });
    expect(next.status).toBe(200);
  });

  it.each([
    "xn--abc",
    "ab",
    "a".repeat(41),
    "-abc",
    "abc-",
    "Abc",
    "a_b",
    "a.b",
    "ä-b-c",
    "a b",
    "",
    "acme\n",
    "1 OR 1=1",
    "<b>acme</b>",
  ])("refuses the slug %j with a pointer to it", async (slug) => {
    const before = await countIn("tenants");
    const reply = await call("POST", REGISTER, { body: registrationOf("x", { slug }) });
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    expect(reply.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toContain("/slug");
    expect(await countIn("tenants")).toBe(before);
  });

  it.each(["admin", "www", "api"])("keeps the slug %s for the platform", async (slug) => {
    const before = await countIn("tenants");
    const hashes = hashCount();
    const reply = await call("POST", REGISTER, { body: registrationOf("x", { slug }) });
    expect([reply.status, problemOf(reply)]).toEqual([409, "slug-reserved"]);
    expect([await countIn("tenants"), hashCount()]).toEqual([before, hashes]);
  });

  it("refuses a slug that is taken, also by a tenant that has left", async () => {
    const first = await call("POST", REGISTER, { body: registrationOf("taken-once") });
    const again = () => call("POST", REGISTER, { body: registrationOf("taken-once") });
    const second = await again();
    expect([second.status, problemOf(second)]).toEqual([409, "slug-taken"]);
    const left = await call("DELETE", `${first.json.tenant.url}/api/v1/tenants/current`, {
      token: first.json.access_token,
    });
    expect(left.status).toBe(204);
    expect(problemOf(await again())).toBe("slug-taken");
  });

  it("refuses easy passwords and unknown fields, and leaves nothing", async () => {
    const before = await countIn("tenants");
    for (const changes of [
      { admin_password: "short" },
      { admin_password: "password1234" },
      { admin_password: "admin@weak.test" },
      { plan: "business" },
      { role: "operator" },
      { admin_email: "no address" },
      { company_name: "" },
    ]) {
      const reply = await call("POST", REGISTER, { body: registrationOf("weak", changes) });
      expect([reply.status, problemOf(reply)], JSON.stringify(Object.keys(changes))).toEqual([
        422,
        "validation-failed",
      ]);
    }
    expect(await countIn("tenants")).toBe(before);
  });

  it("is found on the platform's door alone", async () => {
    await call("POST", REGISTER, { body: registrationOf("own-door") });
    const body = registrationOf("through-it");
    const reply = await call("POST", "http://own-door.rowhouse.test/api/v1/auth/register", {
      body,
    });
    expect(problemOf(reply)).toBe("not-found");
    for (const host of ["api.rowhouse.test", "www.rowhouse.test"]) {
      const slug = `via-${host.slice(0, 3)}`;
      const url = `http://${host}/api/v1/auth/register`;
      expect((await call("POST", url, { body: registrationOf(slug) })).status).toBe(201);
    }
  });

  it("that is closed lets nobody in, invited or not", async () => {
    const closed = openWorker({ REGISTRATION: "closed" });
    const { token } = await invite();
    for (const changes of [{}, { invitation: token }]) {
      const reply = await closed.call("POST", REGISTER, { body: registrationOf("shut", changes) });
      expect([reply.status, problemOf(reply)]).toEqual([403, "registration-closed"]);
    }
    // An operator may.
    const made = await closed.call("POST", `${PLATFORM_ORIGIN}/api/v1/tenants`, {
      token: operator.token,
      body: registrationOf("shut"),
    });
    expect(made.status).toBe(201);
  });

  describe("by invitation", () => {
    const byInvitation = openWorker({ REGISTRATION: "invite" });
    const register = (slug: string, invitation?: string) =>
      byInvitation.call("POST", REGISTER, {
        body: registrationOf(slug, invitation === undefined ? {} : { invitation }),
      });

    it("takes each invitation once", async () => {
      const { id, token } = await invite();
      expect(problemOf(await register("uninvited"))).toBe("invalid-invitation");
      expect(problemOf(await register("uninvited", "rwi_made-up"))).toBe("invalid-invitation");
      const [first, second] = [await register("invited", token), await register("greedy", token)];
      expect(first.status, first.text).toBe(201);
      expect([second.status, problemOf(second)]).toEqual([403, "invalid-invitation"]);
      expect(await registryOf("greedy")).toBeNull();
      const used = "SELECT tenant_id FROM invitations WHERE id = ?";
      expect(await firstValue(bindings.CONTROL_DB, used, id)).toBe(first.json.tenant.id);
    });

    it("gives one of 20 who use it at once a house, and the others back what they took", async () => {
      const { token } = await invite();
      const replies = await Promise.all(times(20, (index) => register(`crowd-${index}`, token)));
      expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
      const lost = replies.filter(({ status }) => status !== 201);
      expect(new Set(lost.map(problemOf))).toEqual(new Set(["invalid-invitation"]));
      const made = "SELECT count(*) FROM tenants WHERE slug LIKE 'crowd-%'";
      expect(await firstValue(bindings.CONTROL_DB, made)).toBe(1);
    });

    it("a registration that fails leaves the invitation as it was", async () => {
      const { token } = await invite();
      expect(problemOf(await register("invited", token))).toBe("slug-taken");
      expect((await register("second-try", token)).status).toBe(201);
    });

    it("takes none that has expired", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const start = Date.now();
      const { token, expires_at } = await invite(1);
      expect(new Date(expires_at).getTime()).toBe(start + DAY);
      vi.setSystemTime(start + DAY);
      expect(problemOf(await register("too-late", token))).toBe("invalid-invitation");
      vi.setSystemTime(start + DAY - 1);
      expect((await register("just-in-time", token)).status).toBe(201);
    });

    it("is for operators to give", async () => {
      const { json } = await call("POST", REGISTER, { body: registrationOf("no-operator") });
      for (const url of [PLATFORM_ORIGIN, json.tenant.url]) {
        const reply = await call("POST", `${url}/api/v1/invitations`, {
          token: json.access_token,
          body: {},
        });
        expect([401, 404]).toContain(reply.status);
      }
    });
  });

  it("is capped per network and day", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(new Date("2031-05-05T23:59:00Z"));
    const capped = openWorker({ REGISTRATIONS_PER_IP_PER_DAY: "2" });
    let made = 0;
    const register = (ip: string) =>
      capped.call("POST", REGISTER, { ip, body: registrationOf(`capped-${++made}`) });
    const replies = await Promise.all(times(6, (index) => register(`198.51.100.${index}`)));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(2);
    const refused = replies.filter(({ status }) => status !== 201);
    expect(refused.map(problemOf)).toEqual(times(4, () => "registration-limit"));
    expect(refused.map(({ status }) => status)).toEqual(times(4, () => 429));
    for (const { headers } of refused) {
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect((await register("198.51.101.1")).status, "another network").toBe(201);
    vi.setSystemTime(new Date("2031-05-06T00:00:00Z"));
    expect((await register("198.51.100.1")).status, "another day").toBe(201);
    const old = "SELECT count(*) FROM registration_counts WHERE day < '2031-05-06'";
    expect(await firstValue(bindings.CONTROL_DB, old), "days past are swept").toBe(0);
  });

  it("is capped per day for all networks together", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(new Date("2032-05-05T12:00:00Z"));
    const capped = openWorker({ REGISTRATIONS_PER_DAY: "3" });
    const replies = await Promise.all(
      times(8, (index) =>
        capped.call("POST", REGISTER, {
          ip: `10.0.${index}.1`,
          body: registrationOf(`daily-${index}`),
        }),
      ),
    );
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(5);
    const none = openWorker({ REGISTRATIONS_PER_DAY: "0" });
    vi.setSystemTime(new Date("2033-05-05T12:00:00Z"));
    expect(problemOf(await none.call("POST", REGISTER, { body: registrationOf("none") }))).toBe(
      "registration-limit",
    );
  });

  describe("refused", () => {
    const refusals: Record<string, [Record<string, string>, Record<string, unknown>]> = {
      "over the cap of a network": [{ REGISTRATIONS_PER_IP_PER_DAY: "1" }, {}],
      "over the cap of all": [{ REGISTRATIONS_PER_DAY: "1" }, {}],
      "without an invitation": [{ REGISTRATION: "invite" }, {}],
      "with a made-up invitation": [{ REGISTRATION: "invite" }, { invitation: "rwi_made-up" }],
      "with a slug that is taken": [{}, { slug: "costs-a-hash" }],
    };
    const expected = [
      "registration-limit",
      "registration-limit",
      "invalid-invitation",
      "invalid-invitation",
      "slug-taken",
    ];

    it("costs no hash and one trip", async () => {
      const first = await call("POST", REGISTER, { body: registrationOf("costs-a-hash") });
      expect(first.status).toBe(201);
      const problems = [];
      for (const [name, [settings, changes]] of Object.entries(refusals)) {
        const trips: unknown[] = [];
        const around: Around = (trip, run) => {
          trips.push(trip);
          return run();
        };
        const worker = openWorker({ ...settings, ...wrapAll(() => around) });
        const before = hashCount();
        const reply = await worker.call("POST", REGISTER, {
          body: registrationOf("refused", changes),
        });
        problems.push(problemOf(reply));
        expect(hashCount() - before, name).toBe(0);
        expect(trips.length, name).toBe(name === "without an invitation" ? 0 : 1);
      }
      expect(problems).toEqual(expected);
    });

    it("an invitation that was used costs no hash either", async () => {
      const invited = openWorker({ REGISTRATION: "invite" });
      const { token } = await invite();
      const register = (slug: string) =>
        invited.call("POST", REGISTER, { body: registrationOf(slug, { invitation: token }) });
      expect((await register("spends-it")).status).toBe(201);
      const before = hashCount();
      expect(problemOf(await register("finds-it-spent"))).toBe("invalid-invitation");
      expect(hashCount()).toBe(before);
    });
  });

  it("logs nobody's password, and keeps the sealed seed only until it is used", async () => {
    const reply = await call("POST", REGISTER, { body: registrationOf("sealed") });
    expect(reply.text).not.toContain(PASSWORD);
    expect((await registryOf("sealed"))?.pending_seed).toBeNull();
  });
});

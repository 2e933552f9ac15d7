import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { sha256Hex } from "../../../src/platform/crypto/digest.ts";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { databaseOfTenant } from "../../support/worker.ts";

interface Entry {
  readonly seq: number;
  readonly action: string;
  readonly principal: string;
  readonly target: string | null;
  readonly commit_id: string;
  readonly commitment: string;
  readonly occurred_at: string;
  readonly request_id: string;
  readonly count: number;
  readonly private: Record<string, unknown> | null;
}

describe("the audit log", () => {
  let acme: TestTenant;
  let manager: Caller;
  let user: Caller;
  beforeAll(async () => {
    acme = await newTenant();
    manager = await addUser(acme, "manager");
    user = await addUser(acme, "user");
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function entries(filters: Record<string, string> = {}, tenant = acme): Promise<Entry[]> {
    const query = new URLSearchParams({ limit: "100", ...filters });
    const reply = await call("GET", `${tenant.api}/audit?${query}`, { token: tenant.admin.token });
    expect(reply.status, reply.text).toBe(200);
    return reply.json.data;
  }
  const setName = (caller: Caller, first_name: string, headers = {}) =>
    call("PUT", `${acme.api}/users/profile`, {
      token: caller.token,
      body: { first_name },
      headers,
    });

  it("begins with the tenant, and tells the newest first", async () => {
    const log = await entries();
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => log.length - at));
    const first = log.slice(-3).reverse();
    expect(first.map(({ action }) => action)).toEqual([
      "tenant.registered",
      "user.created",
      "signing_key.created",
    ]);
    expect(new Set(first.map(({ commit_id }) => commit_id)).size).toBe(1);
    expect(first[0]).toMatchObject({ target: acme.id });
  });

  it("tells who did what to whom, and in which request", async () => {
    const reply = await setName(user, "Telling", {
      "x-request-id": "request-of-the-test",
      "user-agent": "Agent/1.0",
    });
    expect(reply.status).toBe(200);
    const [entry] = await entries({ action: "user.updated" });
    expect(entry).toEqual({
      seq: expect.any(Number),
      id: expect.stringMatching(/^audit_/),
      commit_id: expect.stringMatching(/^commit_/),
      occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      action: "user.updated",
      principal: `user:${user.id}`,
      target: user.id,
      request_id: "request-of-the-test",
      commitment: expect.stringMatching(/^[0-9a-f]{64}$/),
      count: 1,
      private: {
        ip: "203.0.113.7",
        user_agent: "Agent/1.0",
        email: user.email,
        old: expect.objectContaining({ first_name: "Test" }),
        new: expect.objectContaining({ first_name: "Telling" }),
      },
    });
  });

  it("binds the private part by a salted hash, and shows null once it is erased", async () => {
    await setName(user, "Erased");
    const [entry] = await entries({ action: "user.updated" });
    const database = await databaseOfTenant(acme.slug);
    const row = await database
      .prepare(
        "SELECT id, salt, data FROM audit_private JOIN audit_log ON id = audit_id WHERE seq = ?",
      )
      .bind(entry?.seq)
      .first<{ id: string; salt: string; data: string }>();
    expect(JSON.parse(row?.data ?? "")).toEqual(entry?.private);
    expect(await sha256Hex(`${row?.salt}.${row?.data}`)).toBe(entry?.commitment);
    await database.prepare("DELETE FROM audit_private WHERE audit_id = ?").bind(row?.id).run();
    const [erased] = await entries({ action: "user.updated" });
    expect(erased).toEqual({ ...entry, private: null });
  });

  it("holds failed sign-ins and refusals, equal ones of a minute summed up", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Math.ceil(Date.now() / 60_000) * 60_000);
    const email = `nobody@${acme.slug}.test`;
    const fail = (address: string, ip: string) =>
      call("POST", `${acme.api}/auth/login`, { body: { email: address, password: PASSWORD }, ip });
    for (let time = 0; time < 3; time++) expect((await fail(email, "192.0.2.1")).status).toBe(401);
    await fail(email, "198.51.100.1");
    // Who is not signed in chooses the e-mail, and the address within a network.
    await fail(`other-${email}`, "192.0.2.2");
    const failed = await entries({ action: "session.sign_in_failed" });
    expect(failed.map(({ count }) => count)).toEqual([1, 4]);
    expect(failed.at(-1)).toMatchObject({
      principal: "anonymous",
      target: null,
      private: { email },
    });

    const refuse = () => call("POST", `${acme.api}/users`, { token: user.token, body: {} });
    for (let time = 0; time < 4; time++) expect((await refuse()).status).toBe(403);
    vi.setSystemTime(Date.now() + 60_000);
    await refuse();
    const refused = await entries({ action: "permission.refused" });
    expect(refused).toMatchObject([
      { count: 1, principal: `user:${user.id}`, target: "users:write" },
      { count: 4, principal: `user:${user.id}`, target: "users:write" },
    ]);
  });

  describe("filtered", () => {
    it("by action, principal, target and all of them", async () => {
      await setName(manager, "Filtered");
      await setName(user, "Filtered");
      const all = await entries();
      const expectOnly = async (
        filters: Record<string, string>,
        keep: (entry: Entry) => boolean,
      ) => {
        const kept = all.filter(keep);
        expect(kept.length).toBeGreaterThan(0);
        expect(kept.length).toBeLessThan(all.length);
        expect(await entries(filters)).toEqual(kept);
      };
      const action = "user.updated";
      const principal = `user:${manager.id}`;
      await expectOnly({ action }, (entry) => entry.action === action);
      await expectOnly({ principal }, (entry) => entry.principal === principal);
      await expectOnly({ target: user.id }, (entry) => entry.target === user.id);
      await expectOnly(
        { action, principal, target: manager.id },
        (entry) =>
          entry.action === action && entry.principal === principal && entry.target === manager.id,
      );
    });

    it("by what is not there, is empty", async () => {
      expect(await entries({ action: "user.promoted" })).toEqual([]);
      expect(await entries({ action: "user.%" })).toEqual([]);
      expect(await entries({ action: "USER.UPDATED" })).toEqual([]);
    });

    it("by time: `from` is part of it, `to` is not, and zones are understood", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const start = Math.ceil(Date.now() / 60_000) * 60_000 + 120_000;
      const at = (seconds: number) => new Date(start + seconds * 1_000).toISOString();
      for (const seconds of [0, 1, 2]) {
        vi.setSystemTime(start + seconds * 1_000);
        await setName(user, `At ${seconds}`);
      }
      const times = async (filters: Record<string, string>) =>
        (await entries({ target: user.id, ...filters })).map(({ occurred_at }) => occurred_at);
      expect(await times({ from: at(1) })).toEqual([at(2), at(1)]);
      expect(await times({ from: at(0), to: at(2) })).toEqual([at(1), at(0)]);
      expect(await times({ from: at(1), to: at(1) })).toEqual([]);
      expect(await times({ from: at(3) })).toEqual([]);
      const zoned = new Date(start + 2 * 3_600_000).toISOString().replace("Z", "+02:00");
      expect(await times({ from: zoned })).toEqual([at(2), at(1), at(0)]);
    });

    it.each([
      "from=2026-11-21",
      "from=yesterday",
      "to=2026-13-01T00:00:00Z",
      "from=1764000000",
      "action=",
      `target=${"x".repeat(201)}`,
      "user=x",
    ])("by %s is 422", async (query) => {
      const reply = await call("GET", `${acme.api}/audit?${query}`, { token: acme.admin.token });
      expect(problemOf(reply)).toBe("validation-failed");
    });

    it("pages hold what the filter lets through, all of it, once", async () => {
      const whole = await entries({ principal: `user:${user.id}` });
      expect(whole.length).toBeGreaterThan(5);
      const walked: Entry[] = [];
      let link: string | undefined = `/api/v1/audit?limit=2&principal=user:${user.id}`;
      while (link !== undefined) {
        const reply = await call("GET", acme.origin + link, { token: acme.admin.token });
        walked.push(...reply.json.data);
        expect(walked.length, "or it never ends").toBeLessThanOrEqual(whole.length);
        link = /^<([^>]+)>/.exec(reply.headers.get("link") ?? "")?.[1];
      }
      expect(walked).toEqual(whole);
    });
  });

  it("is for admins and managers of this tenant alone", async () => {
    const other = await newTenant();
    const read = (token: string) => call("GET", `${acme.api}/audit`, { token });
    expect((await read(manager.token)).status).toBe(200);
    for (const role of ["user", "readonly"] as const) {
      expect(problemOf(await read((await addUser(acme, role)).token))).toBe("permission-denied");
    }
    expect(problemOf(await read(other.admin.token))).toBe("unauthenticated");
    const targets = new Set((await entries({}, other)).map(({ target }) => target));
    expect(targets).not.toContain(acme.id);
  });

  it("of the platform holds the operators' doings, and none of a tenant's", async () => {
    const operator = await newOperator();
    const url = `${PLATFORM_ORIGIN}/api/v1/audit?limit=100`;
    const reply = await call("GET", url, { token: operator.token });
    const actions = reply.json.data.map(({ action }: Entry) => action);
    expect(actions).toContain("tenant.claimed");
    expect(actions).toContain("session.started");
    expect(actions).not.toContain("user.created");
    expect(reply.text).not.toContain(user.email);
  });

  it("holds no secret", async () => {
    const text = JSON.stringify(await entries());
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toMatch(/eyJ|rw[rdi]_|\$scrypt/);
  });
});

/** How long a token, a key and what an isolate believes of them live. */
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { DAY, SECOND, standingClock } from "../../support/clock.ts";
import { forge, stealKey } from "../../support/forge.ts";
import { databaseOfTenant, openWorker } from "../../support/worker.ts";

const { pass } = standingClock();

let tenant: TestTenant;
beforeEach(async () => {
  tenant = await newTenant();
});
const me = (token: string): Promise<Reply> => call("GET", `${tenant.api}/auth/me`, { token });
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const keys = async (): Promise<{ kid: string }[]> =>
  (await call("GET", `${tenant.origin}/.well-known/jwks.json`)).json.keys;

describe("a token", () => {
  it("works until its last millisecond, and is remembered no longer", async () => {
    const { admin } = tenant;
    pass(900 * SECOND - 1);
    expect((await me(admin.token)).status).toBe(200);
    pass(1);
    expect(problemOf(await me(admin.token))).toBe("unauthenticated");
  });

  it("lives as long as the settings say", async () => {
    const worker = openWorker({ ACCESS_TOKEN_SECONDS: "60" });
    const body = { email: tenant.admin.email, password: PASSWORD };
    const { json } = await worker.call("POST", `${tenant.api}/auth/login`, { body });
    expect(json.expires_in).toBe(60);
    pass(60 * SECOND - 1);
    expect((await me(json.access_token)).status).toBe(200);
    pass(1);
    expect((await me(json.access_token)).status).toBe(401);
  });
});

describe("a signing key", () => {
  it("is followed by a new one, verifies on for a day, and is gone", async () => {
    const first = kidOf(tenant.admin.token);
    pass(90 * DAY - 60 * SECOND);
    const before = await signIn(tenant.api, tenant.admin.email);
    expect(kidOf(before.token)).toBe(first);
    const stolen = await stealKey(tenant.slug);

    pass(120 * SECOND);
    const after = await signIn(tenant.api, tenant.admin.email);
    const second = kidOf(after.token);
    expect(second).not.toBe(first);
    expect((await keys()).map(({ kid }) => kid)).toEqual([second, first]);
    expect((await me(before.token)).status).toBe(200);
    expect((await me(after.token)).status).toBe(200);
    const jwks = createLocalJWKSet({ keys: (await keys()) as never });
    for (const { token } of [before, after]) {
      await jwtVerify(token, jwks, { currentDate: new Date(), issuer: tenant.origin });
    }

    // Another isolate may have signed for a day with the old key when it was about to forget it.
    const rotated = Date.now();
    const exp = (rotated + 59 * SECOND + DAY) / SECOND;
    const late = await forge(before.token, stolen, { claims: { exp } });
    pass(exp * SECOND - 1 - Date.now());
    expect((await me(late)).status).toBe(200);
    expect(await keys()).toHaveLength(2);

    pass(rotated + DAY + 60 * SECOND - Date.now());
    expect((await keys()).map(({ kid }) => kid)).toEqual([second]);
    const undead = await forge(before.token, stolen, { claims: { exp: exp + 3_600 } });
    pass(5 * SECOND);
    expect(problemOf(await me(undead))).toBe("unauthenticated");
    const young = { claims: { exp: exp + 3_600 } };
    expect((await me(await forge(after.token, await stealKey(tenant.slug), young))).status).toBe(
      200,
    );
  });

  it("has one successor, however many sign in at once", async () => {
    pass(91 * DAY);
    const entries = await Promise.all(
      Array.from({ length: 10 }, () => signIn(tenant.api, tenant.admin.email)),
    );
    expect(new Set(entries.map(({ token }) => kidOf(token))).size).toBe(1);
    expect(await keys()).toHaveLength(2);
    const { token } = entries[0] as Caller;
    const { json } = await call("GET", `${tenant.api}/audit?action=signing_key.rotated`, { token });
    expect(json.data).toHaveLength(1);
    expect(json.data[0]).toMatchObject({
      principal: "job:signing-key-rotation",
      target: kidOf(token),
    });
  });
});

describe("within 5 seconds, in every isolate,", () => {
  /**
   * Changes the database behind this isolate's back, as another isolate would: what is remembered
   * may serve 4.9 seconds on, and not 5.
   */
  async function takesEffect(
    change: string,
    values: (caller: Caller) => unknown[],
    ask: (caller: Caller) => Promise<Reply>,
    then: (reply: Reply) => void,
  ): Promise<void> {
    const caller = await addUser(tenant, "admin");
    expect((await ask(caller)).status).toBe(200);
    const database = await databaseOfTenant(tenant.slug);
    await database
      .prepare(change)
      .bind(...values(caller))
      .run();
    pass(4_900);
    expect((await ask(caller)).status).toBe(200);
    pass(100);
    then(await ask(caller));
  }

  const asked = (caller: Caller) => me(caller.token);
  const refused = (code: string) => (reply: Reply) => expect(problemOf(reply)).toBe(code);
  const sid = ({ token }: Caller) => decodeJwt(token).sid;

  it("a sign-out takes effect", () =>
    takesEffect(
      "UPDATE sessions SET revoked_at = ? WHERE id = ?",
      (caller) => [Date.now(), sid(caller)],
      asked,
      refused("unauthenticated"),
    ));

  it("the end of a session takes effect", () =>
    takesEffect(
      "UPDATE sessions SET idle_at = ?1, ends_at = ?1 WHERE id = ?2",
      (caller) => [Date.now(), sid(caller)],
      asked,
      refused("unauthenticated"),
    ));

  it("a deletion takes effect", () =>
    takesEffect(
      "DELETE FROM users WHERE id = ?",
      ({ id }) => [id],
      ({ token }) => call("GET", `${tenant.api}/tenants/current`, { token }),
      refused("unauthenticated"),
    ));

  it("a change of role takes effect", () =>
    takesEffect(
      "UPDATE users SET role = 'readonly' WHERE id = ?",
      ({ id }) => [id],
      ({ token }) => call("GET", `${tenant.api}/audit`, { token }),
      refused("permission-denied"),
    ));

  it("a suspension takes effect", () =>
    takesEffect(
      "UPDATE realm SET status = 'suspended'",
      () => [],
      asked,
      refused("tenant-suspended"),
    ));

  it("a deactivation takes effect", () =>
    takesEffect(
      "UPDATE realm SET status = 'deactivated'",
      () => [],
      asked,
      refused("tenant-not-found"),
    ));

  it("the loss of a signing key takes effect", () =>
    takesEffect(
      "UPDATE signing_keys SET not_after = ?",
      () => [Date.now()],
      asked,
      refused("unauthenticated"),
    ));

  it("a suspension by an operator, and its end, take effect", async () => {
    const operator = await newOperator();
    const move = (verb: string) =>
      call("POST", `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}/${verb}`, {
        token: operator.token,
      });
    expect((await me(tenant.admin.token)).status).toBe(200);
    expect((await move("suspend")).status).toBe(200);
    pass(5 * SECOND);
    expect(problemOf(await me(tenant.admin.token))).toBe("tenant-suspended");
    expect((await move("activate")).status).toBe(200);
    pass(5 * SECOND);
    expect((await me(tenant.admin.token)).status).toBe(200);
  });

  it("a change that this isolate made itself takes effect, at once", async () => {
    const caller = await addUser(tenant, "user");
    const audit = () => call("GET", `${tenant.api}/audit`, { token: caller.token });
    expect(problemOf(await audit())).toBe("permission-denied");
    const path = `${tenant.api}/users/${caller.id}`;
    const { token } = tenant.admin;
    await call("PUT", path, { token, body: { role: "manager" } });
    expect((await audit()).status).toBe(200);
    expect((await call("DELETE", path, { token })).status).toBe(204);
    expect(problemOf(await me(caller.token))).toBe("unauthenticated");
  });
});

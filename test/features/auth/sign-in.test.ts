import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";

const PLATFORM = `${PLATFORM_ORIGIN}/api/v1`;

describe("signing in", () => {
  let house: TestTenant;
  beforeAll(async () => {
    house = await newTenant("sign-in");
  });

  const login = (api: string, body: object) => call("POST", `${api}/auth/login`, { body });

  it("gives tokens, the user and a device token, and notes when", async () => {
    const { email, id } = await addUser(house, "manager");
    const reply = await login(house.api, { email: ` ${email.toUpperCase()}`, password: PASSWORD });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json).toMatchObject({
      token_type: "Bearer",
      expires_in: 900,
      user: { id, email, role: "manager" },
    });
    expect(reply.json.refresh_token).toMatch(/^rwr_[\w-]{43}$/);
    expect(reply.json.device_token).toMatch(/^rwd_[\w-]{43}$/);
    const me = await call("GET", `${house.api}/auth/me`, { token: reply.json.access_token });
    expect(me.json).toMatchObject({ id, email });
  });

  it("on the platform's door, to the tenant that is named: its tokens are for that door", async () => {
    const credentials = { email: house.admin.email, password: PASSWORD };
    const reply = await login(PLATFORM, { ...credentials, tenant_slug: house.slug });
    expect(reply.status, reply.text).toBe(200);
    const token = reply.json.access_token;
    expect((await call("GET", `${house.api}/auth/me`, { token })).status).toBe(200);
    expect(problemOf(await call("GET", `${PLATFORM}/auth/me`, { token }))).toBe("unauthenticated");
    expect(problemOf(await login(PLATFORM, credentials))).toBe("invalid-credentials");
    const nowhere = await login(PLATFORM, { ...credentials, tenant_slug: "nowhere-at-all" });
    expect(problemOf(nowhere)).toBe("tenant-not-found");
    const refused = await login(house.api, { ...credentials, tenant_slug: house.slug });
    expect([refused.status, refused.json.errors[0].pointer]).toEqual([422, "/tenant_slug"]);
  });

  it("as an operator, on the platform's door alone", async () => {
    const { email, token, refreshToken } = await newOperator();
    expect((await call("GET", `${PLATFORM}/auth/me`, { token })).json.role).toBe("operator");
    const next = await call("POST", `${PLATFORM}/auth/refresh`, {
      body: { refresh_token: refreshToken },
    });
    expect(next.status).toBe(200);
    expect(problemOf(await login(house.api, { email, password: PASSWORD }))).toBe(
      "invalid-credentials",
    );
    const foreign = await call("POST", `${house.api}/auth/refresh`, {
      body: { refresh_token: next.json.refresh_token },
    });
    expect(problemOf(foreign)).toBe("invalid-refresh-token");
  });

  it("keeps the device token that it was shown, if it is this user's", async () => {
    const [one, other] = [await addUser(house, "user"), await addUser(house, "user")];
    const again = async (email: string, token: string) =>
      (await login(house.api, { email, password: PASSWORD, device_token: token })).json
        .device_token;
    expect(await again(one.email, one.deviceToken)).toBe(one.deviceToken);
    expect(await again(one.email, other.deviceToken)).not.toBe(other.deviceToken);
    expect(await again(one.email, "rwd_made-up")).not.toBe("rwd_made-up");
  });

  it("with refresh tokens that are none gets one answer for all of them", async () => {
    const other = await newTenant("sign-in-elsewhere");
    const tokens = [
      "x",
      "rwr_",
      `rwr_${"A".repeat(43)}`,
      other.admin.refreshToken,
      house.admin.token,
    ];
    for (const token of tokens) {
      const body = { refresh_token: token.slice(0, 200) };
      const reply = await call("POST", `${house.api}/auth/refresh`, { body });
      expect([reply.status, problemOf(reply)]).toEqual([401, "invalid-refresh-token"]);
    }
  });
});

import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  signIn,
  type TestTenant,
} from "../../support/client.ts";

const PATH = "/.well-known/jwks.json";
const DAY_MS = 86_400_000;

describe("the keys of a door", () => {
  let acme: TestTenant;
  beforeAll(async () => {
    acme = await newTenant();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const keysOf = async (origin: string) => (await call("GET", origin + PATH)).json.keys;
  const verify = async (token: string, keysFrom: string, origin: string) =>
    jwtVerify(token, createLocalJWKSet({ keys: await keysOf(keysFrom) }), {
      issuer: origin,
      audience: origin,
      typ: "at+jwt",
      currentDate: new Date(),
    });

  it("are public halves, and nothing but them", async () => {
    for (const origin of [acme.origin, PLATFORM_ORIGIN]) {
      if (origin === PLATFORM_ORIGIN) await newOperator();
      const keys = await keysOf(origin);
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) {
        expect(key).toMatchObject({ kty: "OKP", crv: "Ed25519", x: expect.any(String) });
        for (const name of ["d", "k", "p", "q", "privateJwk"]) expect(key).not.toHaveProperty(name);
        // RFC 7517, section 4.3: what is for verifying says so, or says nothing.
        expect(key.key_ops ?? ["verify"]).toEqual(["verify"]);
      }
    }
  });

  it("verify the door's tokens with a library that knows nothing of us", async () => {
    const { payload } = await verify(acme.admin.token, acme.origin, acme.origin);
    expect(payload.sub).toBe(acme.admin.id);
    const operator = await newOperator();
    const claims = await verify(operator.token, PLATFORM_ORIGIN, PLATFORM_ORIGIN);
    expect(claims.payload.sub).toBe(operator.id);
  });

  it("verify no other door's tokens", async () => {
    const other = await newTenant();
    for (const origin of [other.origin, PLATFORM_ORIGIN]) {
      await expect(verify(acme.admin.token, origin, acme.origin)).rejects.toThrow();
    }
  });

  it("are followed by new ones, and verify as long as a token may live", async () => {
    const tenant = await newTenant();
    const [first] = await keysOf(tenant.origin);
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 91 * DAY_MS);
    const { token } = await signIn(tenant.api, tenant.admin.email);
    const [second, old, ...more] = await keysOf(tenant.origin);
    expect([old, ...more]).toEqual([first]);
    expect(second.kid).not.toBe(first.kid);
    expect(decodeProtectedHeader(token).kid).toBe(second.kid);
    await verify(token, tenant.origin, tenant.origin);
    vi.setSystemTime(Date.now() + DAY_MS - 1);
    expect(await keysOf(tenant.origin)).toHaveLength(2);
    // Isolates sign with what they remember a little longer; in ten minutes none does.
    vi.setSystemTime(Date.now() + 600_000);
    expect(await keysOf(tenant.origin)).toEqual([second]);
  });

  it("are followed by new ones in the night, though nobody signs in", async () => {
    const tenant = await newTenant();
    const [first] = await keysOf(tenant.origin);
    const [{ tenantCtx }, { keyChores }] = await Promise.all([
      import("../../support/ctx.ts"),
      import("../../../src/features/keys/index.ts"),
    ]);
    const [rotate] = keyChores;
    expect(rotate).toMatchObject({ name: "keys.rotate", rounds: ["nightly"] });
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 90 * DAY_MS - 60_000);
    await rotate?.run(await tenantCtx(tenant.slug));
    expect(await keysOf(tenant.origin)).toEqual([first]);
    vi.setSystemTime(Date.now() + 120_000);
    const ctx = await tenantCtx(tenant.slug);
    await Promise.all([rotate?.run(ctx), rotate?.run(ctx)]);
    const [second, ...old] = await keysOf(tenant.origin);
    expect(second.kid).not.toBe(first.kid);
    expect(old).toEqual([first]);
    // The new one has all its time before it.
    await rotate?.run(ctx);
    expect(await keysOf(tenant.origin)).toHaveLength(2);
  });

  it("are found by everybody, without a credential", async () => {
    const reply = await call("GET", acme.origin + PATH);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/json");
    expect(Object.keys(reply.json)).toEqual(["keys"]);
  });
});

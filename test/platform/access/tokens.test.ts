/** What is wrong with a token never shows: every one gets the same answer. */

import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  jwtVerify,
} from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { broken } from "../../isolation/houses.ts";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { type Forgery, forge, part, type RealmKey, stealKey } from "../../support/forge.ts";

let acme: TestTenant;
let other: TestTenant;
let operator: Caller;
let colleague: Caller;
let key: RealmKey;
let otherKey: RealmKey;
let platformKey: RealmKey;

beforeAll(async () => {
  [acme, other, operator] = [
    await newTenant("forged-at"),
    await newTenant("other"),
    await newOperator(),
  ];
  colleague = await addUser(acme, "admin");
  [key, otherKey, platformKey] = [
    await stealKey("forged-at"),
    await stealKey("other"),
    await stealKey(null),
  ];
});

const me = (headers: Record<string, string>) => call("GET", `${acme.api}/auth/me`, { headers });
const bearer = (token: string) => me({ authorization: `Bearer ${token}` });
const forged = (forgery: Forgery = {}) => forge(acme.admin.token, key, forgery);
const sidOf = (token: string) => decodeJwt(token).sid as string;
const now = () => Math.floor(Date.now() / 1_000);

/** A refusal without what differs from request to request. */
function refusalOf(reply: Reply) {
  const headers = Object.fromEntries(reply.headers);
  expect(headers["x-request-id"]).toBe(reply.json.request_id);
  // Who shows no token at all is held to another limit than who shows a wrong one, and knows it.
  for (const name of ["x-request-id", "ratelimit", "ratelimit-policy"]) delete headers[name];
  const { request_id: _, instance: __, ...document } = reply.json;
  return { status: reply.status, headers, document };
}

/** Each makes an `Authorization` header, or nothing, that must be refused. */
const WRONG: Record<string, () => Promise<string | null> | string | null> = {
  "no header": () => null,
  "an empty header": () => "",
  "a scheme without a token": () => "Bearer",
  "another scheme": () => `Basic ${btoa("admin@acme.test:password")}`,
  "a token without its scheme": () => acme.admin.token,
  "a scheme that is close": () => `Bearers ${acme.admin.token}`,
  "two tokens": () => `Bearer ${acme.admin.token} ${acme.admin.token}`,
  "two headers in one": () => `Bearer ${acme.admin.token}, Bearer ${acme.admin.token}`,
  "a refresh token": () => `Bearer ${acme.admin.refreshToken}`,
  "no JWT": () => "Bearer nonsense",
  dots: () => "Bearer ..",
  "one letter of the signature changed": () => `Bearer ${broken(acme.admin.token)}`,
  "a truncated signature": () => `Bearer ${acme.admin.token.slice(0, -6)}`,
  "no signature": () =>
    `Bearer ${acme.admin.token.slice(0, acme.admin.token.lastIndexOf(".") + 1)}`,
  "two parts": () => `Bearer ${acme.admin.token.slice(0, acme.admin.token.lastIndexOf("."))}`,
  "truncated within the payload": () => `Bearer ${acme.admin.token.slice(0, 200)}`,
  "claims changed, signature kept": () => {
    const [header, , signature] = acme.admin.token.split(".");
    const claims = { ...decodeJwt(acme.admin.token), exp: now() + 86_400 };
    return `Bearer ${header}.${part(claims)}.${signature}`;
  },

  expired: token(() => ({ claims: { iat: now() - 1_000, exp: now() - 1 } })),
  "not valid yet": token(() => ({ claims: { nbf: now() + 60 } })),
  "without expiry": token(() => ({ claims: { exp: undefined } })),
  "an expiry that is text": token(() => ({ claims: { exp: "9999999999" } })),

  "alg none": () => `Bearer ${unsigned({ alg: "none" })}.`,
  "alg None": () => `Bearer ${unsigned({ alg: "None" })}.`,
  "alg none with the old signature": () =>
    `Bearer ${unsigned({ alg: "none" })}.${acme.admin.token.split(".")[2]}`,
  "no alg": () => `Bearer ${unsigned({})}.${acme.admin.token.split(".")[2]}`,
  "HS256 with the public key's bytes": token(() => hmac(fromBase64(key.publicJwk.x))),
  "HS256 with the public key as text": token(() => hmac(utf8(key.publicJwk.x))),
  "HS256 with the public JWK": token(() => hmac(utf8(JSON.stringify(key.publicJwk)))),
  "HS256 in disguise": token(() => hmac(fromBase64(key.publicJwk.x)), { alg: "EdDSA" }),
  "ES256 of a key of one's own": token(async () => ({
    header: { alg: "ES256" },
    key: (await generateKeyPair("ES256")).privateKey,
  })),

  "of another tenant": () => `Bearer ${other.admin.token}`,
  "of an operator": () => `Bearer ${operator.token}`,
  "our claims, another tenant's key": token(() => ({ key: otherKey.privateKey })),
  "our claims, another tenant's key and kid": token(() => ({
    key: otherKey.privateKey,
    header: { kid: otherKey.kid },
  })),
  "our claims, the platform's key and kid": token(() => ({
    key: platformKey.privateKey,
    header: { kid: platformKey.kid },
  })),
  "our claims, a stranger's key": token(async () => ({ key: (await stranger()).privateKey })),
  "an unknown kid": token(() => ({ header: { kid: "unknown" } })),
  "no kid": token(() => ({ header: { kid: undefined } })),
  "a kid full of SQL": token(() => ({ header: { kid: "' OR 1=1 --" } })),
  "a kid that is no text": token(() => ({ header: { kid: [key.kid] } })),

  "another audience": token(() => ({ claims: { aud: other.origin } })),
  "the platform as audience": token(() => ({ claims: { aud: PLATFORM_ORIGIN } })),
  "an audience that starts alike": token(() => ({ claims: { aud: `${acme.origin}.evil.test` } })),
  "no audience": token(() => ({ claims: { aud: undefined } })),
  "another issuer": token(() => ({ claims: { iss: other.origin } })),
  "no issuer": token(() => ({ claims: { iss: undefined } })),
  "typ JWT": token(() => ({ header: { typ: "JWT" } })),
  "typ id_token+jwt": token(() => ({ header: { typ: "id_token+jwt" } })),
  "no typ": token(() => ({ header: { typ: undefined } })),

  "no sid": token(() => ({ claims: { sid: undefined } })),
  "a sid that is no text": token(() => ({ claims: { sid: [sidOf(acme.admin.token)] } })),
  "no sub": token(() => ({ claims: { sub: undefined } })),
  "no jti": token(() => ({ claims: { jti: undefined } })),
  "no iat": token(() => ({ claims: { iat: undefined } })),
  "another user's sub": token(() => ({ claims: { sub: colleague.id } })),
  "another user's sid": token(() => ({ claims: { sid: sidOf(colleague.token) } })),
  "a sub that nobody has": token(() => ({ claims: { sub: newId("user") } })),
  "a sid that nobody has": token(() => ({ claims: { sid: newId("session") } })),
  "another tenant's sub and sid": token(() => ({
    claims: { sub: other.admin.id, sid: sidOf(other.admin.token) },
  })),
  "the sid of a session that is over": async () => {
    const late = await signIn(acme.api, acme.admin.email);
    await call("POST", `${acme.api}/auth/logout`, { token: late.token });
    return `Bearer ${late.token}`;
  },

  "jwk: a stranger's key in the header": token(async () => {
    const { privateKey, publicKey } = await stranger();
    return { key: privateKey, header: { jwk: await exportJWK(publicKey) } };
  }),
  "jku: a stranger's key at a URL": token(async () => ({
    key: (await stranger()).privateKey,
    header: { jku: `${other.origin}/.well-known/jwks.json` },
  })),
  "jku: another tenant's real keys": token(() => ({
    key: otherKey.privateKey,
    header: { jku: `${other.origin}/.well-known/jwks.json`, kid: otherKey.kid },
  })),
  "x5u: a stranger's certificate": token(async () => ({
    key: (await stranger()).privateKey,
    header: { x5u: "https://evil.test/cert.pem" },
  })),
  "x5c: a stranger's certificate": token(async () => ({
    key: (await stranger()).privateKey,
    header: { x5c: ["AAAA"] },
  })),
  "crit: an extension that nobody knows": token(() => ({
    header: { crit: ["rowhouse"], rowhouse: 1 },
  })),
  "crit: empty": token(() => ({ header: { crit: [] } })),
  "crit: b64 false": token(() => ({ header: { crit: ["b64"], b64: false } })),
  "10 kB": token(() => ({ claims: { padding: "x".repeat(10_000) } })),
};

/** An `Authorization` header with a forged token; `relabel` changes its header after signing. */
function token(forgery: () => Forgery | Promise<Forgery>, relabel?: Record<string, unknown>) {
  return async () => {
    const text = await forged(await forgery());
    if (!relabel) return `Bearer ${text}`;
    const [, payload, signature] = text.split(".");
    return `Bearer ${part({ typ: "at+jwt", kid: key.kid, ...relabel })}.${payload}.${signature}`;
  };
}

const hmac = (secret: Uint8Array): Forgery => ({ header: { alg: "HS256" }, key: secret });
const utf8 = (text: string) => new TextEncoder().encode(text);
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, "base64url"));
const stranger = () => generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });

function unsigned(header: Record<string, unknown>): string {
  return `${part({ typ: "at+jwt", kid: key.kid, ...header })}.${acme.admin.token.split(".")[1]}`;
}

describe("a wrong token", () => {
  it.each(Object.entries(WRONG))("is refused like any other: %s", async (_, make) => {
    const authorization = await make();
    const reply = await me(authorization === null ? {} : { authorization });
    expect(problemOf(reply)).toBe("unauthenticated");
    expect(reply.status).toBe(401);
    expect(reply.headers.get("www-authenticate")).toBe("Bearer");
    expect(refusalOf(reply)).toEqual(refusalOf(await me({})));
  });

  it("would be taken, were it not for what is wrong with it", async () => {
    const reply = await bearer(await forged());
    expect(reply.json).toMatchObject({ id: acme.admin.id });
    const padded = await forged({ claims: { padding: "x".repeat(500) } });
    expect((await bearer(padded)).status).toBe(200);
  });

  it("gets the same answer at the platform's door", async () => {
    const at = (authorization?: string) =>
      call("GET", `${PLATFORM_ORIGIN}/api/v1/auth/me`, {
        headers: authorization === undefined ? {} : { authorization },
      });
    const expected = refusalOf(await me({}));
    for (const wrong of [undefined, acme.admin.token, broken(operator.token), await forged()]) {
      const reply = await at(wrong === undefined ? undefined : `Bearer ${wrong}`);
      expect(refusalOf(reply)).toEqual(expected);
    }
    expect((await at(`Bearer ${operator.token}`)).status).toBe(200);
  });

  it("is not looked for in the query or the body", async () => {
    const { token } = acme.admin;
    const inQuery = await call("GET", `${acme.api}/auth/me?access_token=${token}`);
    expect(refusalOf(inQuery)).toEqual(refusalOf(await me({})));
    const inBody = await call("POST", `${acme.api}/auth/logout`, { body: { access_token: token } });
    expect(refusalOf(inBody)).toEqual(refusalOf(await me({})));
    expect((await bearer(token)).status).toBe(200);
  });
});

describe("a right token", () => {
  it("is taken whatever its scheme's case (RFC 9110, 11.1) and its header's extras", async () => {
    for (const scheme of ["bearer", "BEARER"]) {
      expect((await me({ authorization: `${scheme} ${acme.admin.token}` })).status).toBe(200);
    }
    // Where to find keys is ignored, not refused: the key is the realm's own.
    const extras = { jku: "https://evil.test/keys", x5u: "https://evil.test/cert" };
    expect((await bearer(await forged({ header: extras }))).status).toBe(200);
  });

  it("is verified by the keys of its door alone, with a library that is not ours", async () => {
    const keysOf = async (origin: string) =>
      createLocalJWKSet((await call("GET", `${origin}/.well-known/jwks.json`)).json);
    const rules = {
      issuer: acme.origin,
      audience: acme.origin,
      typ: "at+jwt",
      algorithms: ["EdDSA"],
    };
    const own = await keysOf(acme.origin);
    const { payload, protectedHeader } = await jwtVerify(acme.admin.token, own, rules);
    // RFC 9068, 2.1 and 2.2.
    expect(protectedHeader).toEqual({ alg: "EdDSA", typ: "at+jwt", kid: key.kid });
    expect(payload).toEqual({
      iss: acme.origin,
      aud: acme.origin,
      sub: acme.admin.id,
      client_id: acme.origin,
      sid: expect.stringMatching(/^session_/),
      jti: expect.stringMatching(/^token_/),
      iat: expect.any(Number),
      exp: (payload.iat ?? 0) + 900,
    });
    for (const door of [other.origin, PLATFORM_ORIGIN]) {
      const foreign = jwtVerify(acme.admin.token, await keysOf(door), rules);
      await expect(foreign).rejects.toThrow("no applicable key");
    }
  });

  it("has a public key that shows nothing private and is named by its thumbprint", async () => {
    const { json } = await call("GET", `${acme.origin}/.well-known/jwks.json`);
    expect(json.keys).toHaveLength(1);
    const [jwk] = json.keys;
    expect(Object.keys(jwk).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
    expect(jwk.kid).toBe(await calculateJwkThumbprint(jwk));
  });

  it("is no other's: each has its own jti", async () => {
    const [a, b] = [
      await signIn(acme.api, colleague.email),
      await signIn(acme.api, colleague.email),
    ];
    expect(decodeJwt(a.token).jti).not.toBe(decodeJwt(b.token).jti);
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import { createApp } from "../../../src/app.ts";
import { brokenControl, brokenTenant } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import {
  call,
  callWith,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
  toReply,
} from "../../support/client.ts";
import { addService, post } from "../../support/webhooks.ts";
import { bindings } from "../../support/worker.ts";

/** Every kind of answer: what it is, and the request that gets it. */
const KINDS = [
  ["a page of links", 200],
  ["a single resource", 200],
  ["a list", 200],
  ["something new", 201],
  ["an accepted webhook", 202],
  ["a webhook that came before", 200],
  ["nothing to say", 204],
  ["a preflight", 204],
  ["not modified", 304],
  ["malformed JSON", 400],
  ["no credential", 401],
  ["a wrong password", 401],
  ["a wrong signature", 401],
  ["a lacking permission", 403],
  ["an unknown path", 404],
  ["an unknown tenant", 404],
  ["a wrong method", 405],
  ["a conflict", 409],
  ["a stale version", 412],
  ["a large body", 413],
  ["a wrong media type", 415],
  ["wrong values", 422],
  ["a fault of ours", 500],
  ["wrong settings", 500],
  ["a database down", 503],
] as const;
type Kind = (typeof KINDS)[number][0];

describe("responses", () => {
  let acme: TestTenant;
  let replies: Record<Kind, Reply>;

  beforeAll(async () => {
    acme = await newTenant();
    replies = await allKinds(acme);
  });

  it.each(KINDS)("%s is %i", (kind, status) => {
    expect(replies[kind].status, replies[kind].text).toBe(status);
  });

  it.each(KINDS)("%s has the security headers", (kind) => {
    const { headers } = replies[kind];
    const expected = {
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "strict-transport-security": "max-age=63072000; includeSubDomains",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    };
    for (const [name, value] of Object.entries(expected)) {
      expect(headers.get(name), name).toBe(value);
    }
    for (const name of ["set-cookie", "server", "x-powered-by"]) {
      expect(headers.get(name), name).toBeNull();
    }
    expect(headers.get("access-control-allow-credentials")).toBeNull();
  });

  it.each(KINDS)("%s has a request id", (kind) => {
    expect(replies[kind].headers.get("x-request-id")).toMatch(/^req_[0-9a-z]{26}$/);
  });

  it.each(KINDS.filter(([, status]) => status >= 400))(
    "%s is a problem document",
    (kind, status) => {
      const reply = replies[kind];
      const code = problemOf(reply);
      expect(reply.json).toEqual({
        type: `https://rowhouse.dev/problems/${code}`,
        title: expect.stringMatching(/./),
        status,
        detail: expect.stringMatching(/./),
        instance: expect.stringMatching(/^\//),
        request_id: reply.headers.get("x-request-id"),
        ...(code === "validation-failed" ? { errors: expect.any(Array) } : {}),
      });
      const scheme = kind === "a wrong signature" ? "Signature" : "Bearer";
      if (status === 401) expect(reply.headers.get("www-authenticate")).toBe(scheme);
      if (status === 503) expect(reply.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    },
  );

  it.each(["//", "///", "/"])("for the path %s are those of the root", async (path) => {
    const request = new Request(`${PLATFORM_ORIGIN}${path}`, { method: "PUT" });
    const reply = await toReply(await createApp().fetch(request, bindings));
    expect([reply.status, reply.json.instance]).toEqual([405, "/"]);
  });

  it("to callers with a token are kept by no cache", () => {
    const kinds: Kind[] = [
      "a single resource",
      "a list",
      "something new",
      "nothing to say",
      "not modified",
      "a lacking permission",
      "a conflict",
      "a stale version",
      "wrong values",
      "a fault of ours",
      "a database down",
    ];
    for (const kind of kinds) {
      expect(replies[kind].headers.get("cache-control"), kind).toBe("no-store");
    }
  });

  it("with tokens in them are kept by no cache", async () => {
    const body = { email: acme.admin.email, password: PASSWORD };
    const login = await call("POST", `${acme.api}/auth/login`, { body });
    expect(login.headers.get("cache-control")).toBe("no-store");
    const refresh = await call("POST", `${acme.api}/auth/refresh`, {
      body: { refresh_token: login.json.refresh_token },
    });
    expect(refresh.status).toBe(200);
    expect(refresh.headers.get("cache-control")).toBe("no-store");
  });

  describe("a fault of ours", () => {
    it("says nothing of its cause, but the log does", async () => {
      const cause = "no such table: canary_of_internals";
      const { result, entries } = await captureLogs(() =>
        callWith(brokenControl(`D1_ERROR: ${cause}: SQLITE_ERROR`), "POST", REGISTER, {
          body: { ...registration("faulty") },
        }),
      );
      expect(problemOf(result)).toBe("internal-error");
      expect(result.json.detail).toBe(result.json.title);
      expect(result.text + JSON.stringify([...result.headers])).not.toMatch(/canary|SQLITE|D1_/);
      const [line] = entries.filter(({ level }) => level === "error");
      expect(line).toMatchObject({ message: "failed", code: "internal-error" });
      expect(line.request_id).toBe(result.headers.get("x-request-id"));
      expect(JSON.stringify(line)).toContain(cause);
      expect(line.stack ?? line.cause?.stack).toContain("at ");
    });

    it("of the settings is a 500 too, and the log names the setting without its value", async () => {
      const { result, entries } = await captureLogs(() =>
        callWith({ CELL: "Not A Cell!" }, "GET", `${PLATFORM_ORIGIN}/health`),
      );
      expect(problemOf(result)).toBe("internal-error");
      expect(result.text).not.toContain("CELL");
      const [line] = entries.filter(({ level }) => level === "error");
      expect(line.error).toContain("CELL");
      expect(line.request_id).toBe(result.headers.get("x-request-id"));
      expect(JSON.stringify(entries)).not.toContain("Not A Cell!");
    });
  });

  describe("the request id", () => {
    it.each(["0123456789", "a.b:c-d_e", "x".repeat(128), "00000000-0000-4000-8000-000000000000"])(
      "%s is kept",
      async (id) => {
        const reply = await call("GET", `${acme.api}/nothing`, { headers: { "x-request-id": id } });
        expect(reply.headers.get("x-request-id")).toBe(id);
        expect(reply.json.request_id).toBe(id);
      },
    );

    it.each([
      "",
      "short",
      "x".repeat(129),
      "has space",
      'quo"te-quote',
      "<script>alert</script>",
      "ümlaut-ümlaut",
    ])("%j is replaced", async (id) => {
      const headers = { "x-request-id": /^[\x20-\x7e]*$/.test(id) ? id : encodeURI(id) };
      const reply = await call("GET", `${acme.api}/nothing`, { headers });
      expect(reply.headers.get("x-request-id")).toMatch(/^req_[0-9a-z]{26}$/);
    });
  });

  describe("to other origins", () => {
    const origins = { CORS_ORIGINS: "https://app.example.com, https://admin.example.com" };
    const from = (origin: string, headers = {}) => ({ headers: { origin, ...headers } });
    const preflight = { "access-control-request-method": "PUT" };

    it("from the list may be read, without credentials", async () => {
      for (const origin of ["https://app.example.com", "https://admin.example.com"]) {
        const reply = await callWith(origins, "GET", `${acme.origin}/health`, from(origin));
        expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
        expect(reply.headers.get("access-control-allow-credentials")).toBeNull();
        expect(reply.headers.get("vary")?.toLowerCase()).toContain("origin");
        expect(reply.headers.get("access-control-expose-headers")).toContain("ETag");
      }
    });

    it("errors may be read too", async () => {
      for (const path of ["/nothing", "/api/v1/auth/me"]) {
        const origin = "https://app.example.com";
        const reply = await callWith(origins, "GET", `${acme.origin}${path}`, from(origin));
        expect(reply.status).toBeGreaterThanOrEqual(400);
        expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
      }
    });

    it("from the list get their preflight answered", async () => {
      const reply = await callWith(
        origins,
        "OPTIONS",
        `${acme.api}/users/x`,
        from("https://app.example.com", preflight),
      );
      expect(reply.status).toBe(204);
      expect(reply.headers.get("access-control-allow-methods")).toContain("PUT");
      const allowed = reply.headers.get("access-control-allow-headers")?.toLowerCase() ?? "";
      for (const name of ["authorization", "content-type", "idempotency-key", "if-match"]) {
        expect(allowed).toContain(name);
      }
      expect(reply.headers.get("access-control-max-age")).toBe("600");
    });

    it.each([
      "https://evil.example",
      "https://app.example.com.evil.example",
      "http://app.example.com",
      "https://app.example.com:8443",
      "null",
      "*",
    ])("%s is not on the list", async (origin) => {
      for (const [method, headers] of [
        ["GET", {}],
        ["OPTIONS", preflight],
      ] as const) {
        const reply = await callWith(
          origins,
          method,
          `${acme.origin}/health`,
          from(origin, headers),
        );
        expect(reply.headers.get("access-control-allow-origin")).toBeNull();
      }
    });

    it("no list means no origin", async () => {
      const reply = await call("GET", `${acme.origin}/health`, from(acme.origin));
      expect(reply.headers.get("access-control-allow-origin")).toBeNull();
    });
  });
});

const REGISTER = `${PLATFORM_ORIGIN}/api/v1/auth/register`;

function registration(slug: string) {
  return {
    company_name: "Company",
    slug,
    admin_email: `admin@${slug}.test`,
    admin_password: PASSWORD,
    admin_first_name: "Ada",
    admin_last_name: "Admin",
  };
}

async function allKinds(acme: TestTenant): Promise<Record<Kind, Reply>> {
  const { token } = acme.admin;
  const { api } = acme;
  const person = {
    email: `new@${acme.slug}.test`,
    password: PASSWORD,
    first_name: "New",
    last_name: "User",
    role: "readonly",
  };
  const login = { body: { email: person.email, password: PASSWORD } };
  const created = await call("POST", `${api}/users`, { token, body: person });
  const path = `${api}/users/${created.json.id}`;
  const reader = (await call("POST", `${api}/auth/login`, login)).json.access_token;
  const me = await call("GET", `${api}/auth/me`, { token });
  const tag = me.headers.get("etag") ?? "";
  const noTable = await brokenTenant(acme.slug, "D1_ERROR: no such table: users: SQLITE_ERROR");
  const down = await brokenTenant(acme.slug);
  const service = await addService(acme);
  return {
    "a page of links": await call("GET", `${acme.origin}/`),
    "a single resource": me,
    "a list": await call("GET", `${api}/users`, { token }),
    "something new": created,
    "an accepted webhook": await post(service, "event-1"),
    "a webhook that came before": await post(service, "event-1"),
    "a wrong signature": await post({ ...service, secret: "whsec_another" }, "event-2"),
    "nothing to say": await call("POST", `${api}/auth/logout`, { token: reader }),
    "a preflight": await call("OPTIONS", `${api}/users`, { headers: { origin: "https://a.test" } }),
    "not modified": await call("GET", `${api}/auth/me`, {
      token,
      headers: { "if-none-match": tag },
    }),
    "malformed JSON": await call("POST", `${api}/users`, { token, raw: "{" }),
    "no credential": await call("GET", `${api}/auth/me`),
    "a wrong password": await call("POST", `${api}/auth/login`, {
      body: { ...login.body, password: `${PASSWORD}-wrong` },
    }),
    "a lacking permission": await call("GET", `${api}/audit`, {
      token: (await call("POST", `${api}/auth/login`, login)).json.access_token,
    }),
    "an unknown path": await call("GET", `${api}/nothing`, { token }),
    "an unknown tenant": await call("GET", "http://nobody.rowhouse.test/api/v1/auth/me", { token }),
    "a wrong method": await call("PATCH", `${api}/users`, { token }),
    "a conflict": await call("POST", `${api}/users`, { token, body: person }),
    "a stale version": await call("PUT", path, {
      token,
      body: { first_name: "Late" },
      headers: { "if-match": '"99"' },
    }),
    "a large body": await call("POST", `${api}/users`, { token, raw: "x".repeat(2_000_000) }),
    "a wrong media type": await call("POST", `${api}/users`, {
      token,
      raw: "{}",
      headers: { "content-type": "text/plain" },
    }),
    "wrong values": await call("POST", `${api}/users`, { token, body: {} }),
    "a fault of ours": await callWith(noTable, "GET", `${api}/users`, { token }),
    "wrong settings": await callWith({ CELL: "?" }, "GET", `${acme.origin}/`),
    "a database down": await callWith(down, "GET", `${api}/users`, { token }),
  };
}

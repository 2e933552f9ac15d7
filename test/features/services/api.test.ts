/** The API section of services: what it takes, what it shows, and when its credential is void. */
import { beforeAll, describe, expect, it } from "vitest";
import { create } from "../../../src/features/services/services.service.ts";
import type { Failure } from "../../../src/platform/problems.ts";
import {
  addCalled,
  type CalledService,
  fresh,
  seen,
  servers,
  TOKEN,
} from "../../support/called-services.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { call, newTenant, problemOf, type TestTenant } from "../../support/client.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { leaksIn } from "../../support/log-scan.ts";
import { bindings, databaseOfTenant } from "../../support/worker.ts";

const BASE = "https://api.partner.example/v1";

let acme: TestTenant;
beforeAll(async () => {
  acme = await newTenant();
});

const bearer = { type: "bearer", token: TOKEN };
const post = (api: unknown, slug = fresh("api")) =>
  call("POST", `${acme.api}/services`, {
    token: acme.admin.token,
    body: { slug, name: slug, api },
  });
const pointersOf = (reply: { json: { errors: { pointer: string }[] } }) =>
  reply.json.errors.map(({ pointer }) => pointer);
/** Actions about an id, the first one first. */
const actionsOn = async (id: string) => {
  const database = await databaseOfTenant(acme.slug);
  const rows = await database
    .prepare("SELECT action FROM audit_log WHERE target = ? ORDER BY seq")
    .bind(id)
    .raw();
  return rows.map(([action]) => action);
};

describe("the API section of a service", () => {
  it("is shown with its defaults, and without its secret", async () => {
    const service = await addCalled(acme, { base_url: BASE, auth: bearer });
    const api = {
      base_url: BASE,
      auth: { type: "bearer" },
      credential: { id: expect.stringMatching(/^secret_/) },
      timeout_ms: 10_000,
      retry: { max_attempts: 3, base_ms: 200 },
      rate_limit_per_second: null,
      idempotency_header: null,
      breaker: {
        sliding_window_type: "count",
        sliding_window_size: 10,
        minimum_calls: 5,
        failure_rate_threshold: 50,
        slow_call_rate_threshold: 100,
        slow_call_duration_ms: 60_000,
        open_ms: 60_000,
        open_max_ms: 600_000,
        permitted_calls_in_half_open: 3,
        slow_start_ms: 10_000,
      },
    };
    expect(service.json.api).toEqual(api);
    expect((await service.ask("GET", "")).json).toEqual(service.json);
    expect(await actionsOn(service.json.api.credential.id)).toEqual(["service_credential.added"]);
  });

  it("takes its own settings, and keeps what is not said again at its default", async () => {
    const settings = {
      base_url: BASE,
      auth: { type: "header", name: "X-Api-Key" },
      timeout_ms: 100,
      retry: { max_attempts: 1 },
      rate_limit_per_second: 1_000,
      idempotency_header: "X-Request-Id",
      breaker: { minimum_calls: 2, open_ms: 1_000 },
    };
    const service = await addCalled(acme, {
      ...settings,
      auth: { ...settings.auth, value: TOKEN },
    });
    expect(service.json.api).toMatchObject({
      ...settings,
      retry: { max_attempts: 1, base_ms: 200 },
      breaker: { minimum_calls: 2, open_ms: 1_000, open_max_ms: 600_000 },
    });
    const plain = await service.ask("PUT", "", { api: { base_url: BASE } });
    expect(plain.json.api).toMatchObject({ timeout_ms: 10_000, rate_limit_per_second: null });
  });

  it("may be left out, added later and taken away with its credential", async () => {
    const slug = fresh("later");
    const { token } = acme.admin;
    const added = await call("POST", `${acme.api}/services`, { token, body: { slug, name: slug } });
    expect(added.json.api).toBeNull();
    const put = (body: unknown) => call("PUT", `${acme.api}/services/${slug}`, { token, body });
    const given = await put({ api: { base_url: BASE, auth: bearer } });
    const { id } = given.json.api.credential;
    expect((await put({ name: "Other" })).json.api).toEqual(given.json.api);
    expect((await put({ api: null })).json.api).toBeNull();
    expect(await actionsOn(id)).toEqual(["service_credential.added", "service_credential.erased"]);
    const database = await databaseOfTenant(acme.slug);
    const row = await database
      .prepare("SELECT api, api_credential, api_credential_id FROM services WHERE slug = ?")
      .bind(slug)
      .first();
    expect(row).toEqual({ api: null, api_credential: null, api_credential_id: null });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["no URL", { base_url: "partner" }, "/api/base_url"],
    ["another scheme", { base_url: "ftp://partner.example" }, "/api/base_url"],
    ["a user in the URL", { base_url: "https://a:b@partner.example" }, "/api/base_url"],
    ["a query", { base_url: `${BASE}?a=b` }, "/api/base_url"],
    ["an empty query", { base_url: `${BASE}?` }, "/api/base_url"],
    ["a fragment", { base_url: `${BASE}#a` }, "/api/base_url"],
    ["a private address", { base_url: "http://10.0.0.1" }, "/api/base_url"],
    ["an address of metadata", { base_url: "http://169.254.169.254/latest" }, "/api/base_url"],
    ["mapped IPv6", { base_url: "http://[::ffff:10.0.0.1]/" }, "/api/base_url"],
    ["the base domain", { base_url: "http://rowhouse.test/api/v1" }, "/api/base_url"],
    ["a tenant's door", { base_url: "http://acme.rowhouse.test" }, "/api/base_url"],
    ["a port of something else", { base_url: "https://partner.example:22" }, "/api/base_url"],
    ["no kind of authentication", { auth: { type: "digest" } }, "/api/auth/type"],
    ["no token", { auth: { type: "bearer" } }, "/api/auth/token"],
    ["no password", { auth: { type: "basic", username: "a" } }, "/api/auth/password"],
    ["no value", { auth: { type: "header", name: "X-Key" } }, "/api/auth/value"],
    ["a token of two lines", { auth: { type: "bearer", token: "a\r\nb: c" } }, "/api/auth/token"],
    [
      "a value of two lines",
      { auth: { type: "header", name: "X-Key", value: "a\r\nHost: b" } },
      "/api/auth/value",
    ],
    [
      "a password of two lines",
      { auth: { type: "basic", username: "a", password: "b\nc" } },
      "/api/auth/password",
    ],
    [
      "a name with a colon",
      { auth: { type: "basic", username: "a:b", password: "c" } },
      "/api/auth/username",
    ],
    ...["Host", "Cookie", "Content-Length", "Idempotency-Key", "X-Forwarded-For", "a b", ""].map(
      (name): [string, Record<string, unknown>, string] => [
        `the header "${name}" for its key`,
        { auth: { type: "header", name, value: "v" } },
        "/api/auth/name",
      ],
    ),
    ...["X-Authenticated-User", "X-SSL-Client-Verify", "X-User", "X-Override-URL", "X-Scheme"].map(
      (name): [string, Record<string, unknown>, string] => [
        `a proxy's "${name}" for its key`,
        { auth: { type: "header", name, value: "v" } },
        "/api/auth/name",
      ],
    ),
    ...["Authorization", "Host", "X-User", "a b"].map(
      (name): [string, Record<string, unknown>, string] => [
        `"${name}" for its repeats`,
        { idempotency_header: name },
        "/api/idempotency_header",
      ],
    ),
    [
      "one header for both",
      { auth: { type: "header", name: "X-Key", value: "v" }, idempotency_header: "x-key" },
      "/api/idempotency_header",
    ],
    ["too short a time", { timeout_ms: 99 }, "/api/timeout_ms"],
    ["too long a time", { timeout_ms: 30_001 }, "/api/timeout_ms"],
    ["no attempt", { retry: { max_attempts: 0 } }, "/api/retry/max_attempts"],
    ["six attempts", { retry: { max_attempts: 6 } }, "/api/retry/max_attempts"],
    ["a short pause", { retry: { base_ms: 49 } }, "/api/retry/base_ms"],
    ["a rate of 0", { rate_limit_per_second: 0 }, "/api/rate_limit_per_second"],
    ["a negative rate", { rate_limit_per_second: -1 }, "/api/rate_limit_per_second"],
    ["a huge rate", { rate_limit_per_second: 1_001 }, "/api/rate_limit_per_second"],
    [
      "a window of nothing",
      { breaker: { sliding_window_size: 0 } },
      "/api/breaker/sliding_window_size",
    ],
    [
      "more than all",
      { breaker: { failure_rate_threshold: 101 } },
      "/api/breaker/failure_rate_threshold",
    ],
    [
      "times the wrong way round",
      { breaker: { open_ms: 2_000, open_max_ms: 1_000 } },
      "/api/breaker/open_max_ms",
    ],
    ["what nobody knows", { verify: false }, "/api/verify"],
  ])("is refused with %s", async (_, settings, pointer) => {
    const reply = await post({ base_url: BASE, ...settings });
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    expect(pointersOf(reply)).toEqual([pointer]);
  });

  it("leads to https and nowhere near in production", async () => {
    const ctx = await tenantCtx(acme.slug, {
      ...bindings,
      ENVIRONMENT: "production",
      BASE_URL: "https://rowhouse.test",
      PASSWORD_SCRYPT_LN: "14",
      LOG_LEVEL: "info",
      ANONYMOUS_PER_MINUTE: "120",
      TENANT_SCHEMA: undefined,
    });
    const add = (base_url: string) => {
      const slug = fresh("production");
      return create(ctx, { slug, name: slug, api: { base_url, auth: { type: "none" } } });
    };
    for (const url of ["http://partner.example", "https://127.0.0.1:8443", "https://localhost"]) {
      const refused = await add(url).catch((error: Failure) => error);
      expect(refused, url).toMatchObject({
        code: "validation-failed",
        options: { errors: [{ pointer: "/api/base_url" }] },
      });
    }
    expect((await add(BASE)).api).toMatchObject({ base_url: BASE });
  });
});

describe("a service's credential", () => {
  const put = (service: CalledService, api: Record<string, unknown>) =>
    service.ask("PUT", "", { api: { base_url: BASE, ...api } });

  it.each(["X-Auth-Token", "X-Auth-Key", "X-Client-Secret", "X-User-Token", "X-Api-Key"])(
    "may be in the header %s",
    async (name) => {
      const reply = await post({ base_url: BASE, auth: { type: "header", name, value: "v" } });
      expect(reply.status, reply.text).toBe(201);
    },
  );

  it("stays where a change does not name it: path, times and names are no other origin", async () => {
    const service = await addCalled(acme, { base_url: BASE, auth: bearer });
    const { credential } = service.json.api;
    for (const change of [
      { auth: { type: "bearer" } },
      { base_url: "https://api.partner.example:443/v2", auth: { type: "bearer" } },
      { auth: { type: "bearer" }, timeout_ms: 500 },
    ]) {
      const reply = await put(service, change);
      expect(reply.json.api.credential, JSON.stringify(change)).toEqual(credential);
    }
    expect(await actionsOn(credential.id)).toEqual(["service_credential.added"]);
  });

  it.each([
    ["another host", { base_url: "https://evil.example/v1", auth: { type: "bearer" } }],
    ["another port", { base_url: "https://api.partner.example:8443", auth: { type: "bearer" } }],
    ["another scheme", { base_url: "http://api.partner.example/v1", auth: { type: "bearer" } }],
    ["another type", { auth: { type: "basic", username: "a" } }],
    ["none", { auth: { type: "none" } }],
  ])("is void with %s, until it is entered again", async (_, change) => {
    const service = await addCalled(acme, { base_url: BASE, auth: bearer });
    const { id } = service.json.api.credential;
    const reply = await put(service, change);
    expect([reply.status, reply.json.api.credential]).toEqual([200, null]);
    expect(await actionsOn(id)).toEqual(["service_credential.added", "service_credential.erased"]);
    // Nor does it come back with what it was entered for.
    const back = await put(service, { auth: { type: "bearer" } });
    expect(back.json.api.credential).toBeNull();
    const call = await service.request({ method: "GET", path: "/" });
    expect([call.status, problemOf(call)]).toEqual([409, "service-not-callable"]);
    expect(call.json.detail).toContain("credential");
    const again = await put(service, { auth: bearer });
    expect(again.json.api.credential.id).not.toBe(id);
  });

  it("that is entered again is another, and the old one is erased", async () => {
    const service = await addCalled(acme, { base_url: BASE, auth: bearer });
    const { id } = service.json.api.credential;
    const reply = await put(service, { auth: { ...bearer, token: `${TOKEN}-2` } });
    expect(reply.json.api.credential.id).not.toBe(id);
    expect(await actionsOn(id)).toEqual(["service_credential.added", "service_credential.erased"]);
    expect(await actionsOn(reply.json.api.credential.id)).toEqual(["service_credential.added"]);
  });

  it("is erased with its service", async () => {
    const service = await addCalled(acme, { base_url: BASE, auth: bearer });
    expect((await service.ask("DELETE", "")).status).toBe(204);
    const actions = await actionsOn(service.json.api.credential.id);
    expect(actions).toEqual(["service_credential.added", "service_credential.erased"]);
  });

  it("opens for its tenant, its service and its origin alone", async () => {
    const other = await newTenant();
    const database = await databaseOfTenant(acme.slug);
    const api = { auth: bearer };
    const [mine, second] = [await addCalled(acme, api), await addCalled(acme, api)];
    const theirs = await addCalled(other, api);
    const row = await database
      .prepare(
        "SELECT api_credential AS sealed, api_credential_id AS id FROM services WHERE id = ?",
      )
      .bind(mine.id)
      .first<{ sealed: string; id: string }>();
    expect(row?.sealed).toMatch(/^v1\.test\./);
    const copy = (to: D1Database, id: string) =>
      to
        .prepare("UPDATE services SET api_credential = ?, api_credential_id = ? WHERE id = ?")
        .bind(row?.sealed, row?.id, id)
        .run();
    await copy(database, second.id);
    await copy(await databaseOfTenant(other.slug), theirs.id);
    const path = `/echo/${fresh("copied")}`;
    const refusals = [];
    for (const service of [second, theirs]) {
      const { result, entries } = await captureLogs(() => service.request({ method: "GET", path }));
      refusals.push([result.status, problemOf(result), result.text.includes("envelope")]);
      expect(entries.map(({ message }) => message)).toContain("failed");
    }
    await database
      .prepare("UPDATE services SET api = json_replace(api, '$.base_url', ?) WHERE id = ?")
      .bind(servers().second, mine.id)
      .run();
    const moved = await mine.request({ method: "GET", path });
    refusals.push([moved.status, problemOf(moved), moved.text.includes("envelope")]);
    expect(refusals).toEqual(Array(3).fill([500, "internal-error", false]));
    expect(await seen(path.slice("/echo/".length))).toEqual([]);
  });

  it("is never shown, in answers, the audit log, the logs or the tables", async () => {
    const slug = fresh("secret");
    const secrets = ["canary-secret-token", "canary-secret-password", "canary-secret-value"];
    const [token, password, value] = secrets;
    const auths = [
      { type: "bearer", token },
      { type: "basic", username: "ada", password },
      { type: "header", name: "X-Api-Key", value },
    ];
    const ask = (method: string, path: string, body?: unknown, headers = {}) =>
      call(method, `${acme.api}${path}`, { token: acme.admin.token, body, headers });
    const { result: replies, lines } = await captureLogs(async () => {
      const all = [];
      const body = { slug, name: slug, api: { base_url: servers().first, auth: auths[0] } };
      all.push(await ask("POST", "/services", body, { "idempotency-key": slug }));
      all.push(await ask("POST", "/services", body));
      for (const auth of auths) {
        const api = { base_url: servers().first, auth };
        all.push(await ask("PUT", `/services/${slug}`, { api }));
        const request = { method: "POST", path: `/never-heard-of/${slug}` };
        all.push(await ask("POST", `/services/${slug}/requests`, request));
      }
      const dead = { base_url: servers().dead, auth: auths[0], retry: { max_attempts: 1 } };
      all.push(await ask("PUT", `/services/${slug}`, { api: dead }));
      const request = { method: "POST", path: "/" };
      all.push(await ask("POST", `/services/${slug}/requests`, request));
      all.push(await ask("GET", `/services/${slug}`));
      all.push(await ask("GET", "/services?limit=100"));
      all.push(await ask("GET", "/audit?limit=100"));
      return all;
    });
    const statuses = [201, 409, 200, 200, 200, 200, 200, 200, 200, 502, 200, 200, 200];
    expect(replies.map(({ status }) => status)).toEqual(statuses);
    const planted = [...secrets, ...secrets.map((text) => btoa(`ada:${text}`))];
    const texts = replies.map(({ text }) => text);
    expect(leaksIn(texts, planted)).toEqual([]);
    expect(lines.length).toBeGreaterThan(replies.length);
    expect(leaksIn(lines, planted)).toEqual([]);
    const database = await databaseOfTenant(acme.slug);
    for (const table of ["services", "audit_log", "audit_private", "idempotency_keys"]) {
      const { results } = await database.prepare(`SELECT * FROM ${table}`).all();
      expect(results.length, table).toBeGreaterThan(0);
      const rows = results.map((row) => JSON.stringify(row));
      expect(leaksIn(rows, planted), table).toEqual([]);
    }
    // They were there all the time.
    const sent = await seen(slug);
    expect(sent.map(({ headers }) => headers.authorization ?? headers["x-api-key"])).toEqual([
      `Bearer ${token}`,
      `Basic ${btoa(`ada:${password}`)}`,
      value,
    ]);
  });
});

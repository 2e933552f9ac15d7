/** Calling a service's API through ours: what goes there, what comes back, and what is kept of it. */
import { beforeAll, describe, expect, it } from "vitest";
import { GONE } from "../../support/broken.ts";
import { addCalled, fresh, seen, TOKEN } from "../../support/called-services.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { addUser, call, newTenant, problemOf, type TestTenant } from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { wrapD1 } from "../../support/d1.ts";
import { databaseOf, databaseOfTenant, openWorker, registryOf } from "../../support/worker.ts";

const JSON_TYPE = "content-type: application/json";
const clock = standingClock({ between: 10 * SECOND });

let acme: TestTenant;
beforeAll(async () => {
  acme = await newTenant();
});

/** A place at the server that no other test asks, by its id. */
const place = (behaviour = "echo") => {
  const id = fresh("call");
  return { id, path: `/${behaviour}/${id}` };
};
const auditOf = async (target: string) => {
  const database = await databaseOfTenant(acme.slug);
  const { results } = await database
    .prepare(
      `SELECT action, data, coalesce(count, 1) AS times FROM audit_log
        JOIN audit_private ON audit_id = id LEFT JOIN audit_sums USING (sum_key)
        WHERE target = ? AND action LIKE 'service.call%' ORDER BY seq`,
    )
    .bind(target)
    .all<{ action: string; data: string; times: number }>();
  return results.map(({ action, data, times }) => {
    const { method, path, status, problem } = JSON.parse(data);
    return [action, method, path, status ?? problem, times];
  });
};

/** Ids of calls, by the rows of the audit log that tell of them. */
const callsOf = async (target: string) => {
  const { results } = await (await databaseOfTenant(acme.slug))
    .prepare(
      `SELECT json_extract(data, '$.call') AS call FROM audit_log
        JOIN audit_private ON audit_id = id
        WHERE target = ? AND action LIKE 'service.call%' ORDER BY seq`,
    )
    .bind(target)
    .all<{ call: string }>();
  return results.map(({ call }) => call);
};

describe("a request to a service", () => {
  it("arrives with its path, query, headers and body, and the credential", async () => {
    const service = await addCalled(acme, { auth: { type: "bearer", token: TOKEN } });
    const { id, path } = place();
    const reply = await service.request({
      method: "POST",
      path: `${path}/a%20b`,
      query: { header: JSON_TYPE, status: "201", many: ["1", "2"] },
      headers: { accept: "application/json", "X-Custom": "yes" },
      body: { sku: "Ä-7", quantity: 2 },
    });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json).toMatchObject({
      status: 201,
      headers: { "content-type": "application/json" },
      body_encoding: "json",
      cached: false,
      attempts: 1,
      duration_ms: expect.any(Number),
    });
    const [request] = await seen(id);
    expect(reply.json.body).toMatchObject({ method: "POST", path: request?.path, nth: 1 });
    expect(request?.path).toBe(
      `${path}/a%20b?header=content-type%3A+application%2Fjson&status=201&many=1&many=2`,
    );
    expect(JSON.parse(request?.body ?? "")).toEqual({ sku: "Ä-7", quantity: 2 });
    expect(request?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      accept: "application/json",
      "x-custom": "yes",
      "content-type": "application/json",
    });
    expect(request?.headers).not.toHaveProperty("idempotency-key");
    expect(JSON.stringify(request?.headers)).not.toContain(acme.admin.token);
  });

  it.each([
    ["none", { type: "none" }, {}],
    [
      "basic",
      { type: "basic", username: "ä", password: "ö:ü" },
      { authorization: "Basic w6Q6w7Y6w7w=" },
    ],
    ["a header", { type: "header", name: "X-Api-Key", value: TOKEN }, { "x-api-key": TOKEN }],
  ])("authenticates with %s, whatever the caller sends", async (_, auth, expected) => {
    const service = await addCalled(acme, { auth });
    const { id, path } = place();
    const request = { method: "GET", path, headers: { "x-api-key": "the caller's" } };
    expect((await service.request(request)).status).toBe(200);
    const [{ headers } = { headers: {} as Record<string, string> }] = await seen(id);
    expect(headers).toMatchObject({ "x-api-key": "the caller's", ...expected });
    if (!("authorization" in expected)) expect(headers).not.toHaveProperty("authorization");
  });

  it("is answered with any status of the service", async () => {
    const service = await addCalled(acme, { retry: { max_attempts: 1 } });
    for (const status of [200, 301, 404, 409, 429, 500]) {
      const reply = await service.request({
        method: "GET",
        path: place().path,
        query: { status: String(status) },
      });
      expect([reply.status, reply.json.status]).toEqual([200, status]);
    }
  });

  it("sends text as it is where its content type says so", async () => {
    const service = await addCalled(acme);
    const { id, path } = place();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    await service.request({ method: "POST", path, headers, body: "a=1&b=%20" });
    await service.request({ method: "POST", path, body: "a=1" });
    await service.request({ method: "DELETE", path, body: null });
    const sent = (await seen(id)).map((each) => [each.headers["content-type"], each.body]);
    expect(sent).toEqual([
      ["application/x-www-form-urlencoded", "a=1&b=%20"],
      ["application/json", '"a=1"'],
      [undefined, ""],
    ]);
  });

  it("is no HEAD's body, and none of an empty answer", async () => {
    const service = await addCalled(acme);
    const head = await service.request({ method: "HEAD", path: place().path });
    expect(head.json).toMatchObject({ status: 200, body: null, body_encoding: null });
  });

  it("is tried again where that does no harm, and only there", async () => {
    const service = await addCalled(acme, {
      retry: { max_attempts: 3, base_ms: 50 },
      breaker: { sliding_window_size: 1_000, minimum_calls: 1_000 },
    });
    const attempts = async (method: string, headers?: Record<string, string>) => {
      const { path } = place("flaky");
      const query = { times: "2", status: "503" };
      const { json } = await service.request({ method, path, query }, headers);
      return [json.status, json.attempts];
    };
    expect(await attempts("GET")).toEqual([200, 3]);
    expect(await attempts("PUT")).toEqual([200, 3]);
    expect(await attempts("DELETE")).toEqual([200, 3]);
    expect(await attempts("POST")).toEqual([503, 1]);
    expect(await attempts("PATCH")).toEqual([503, 1]);
    expect(await attempts("POST", { "idempotency-key": fresh("key") })).toEqual([503, 1]);
    const settings = {
      retry: { max_attempts: 3, base_ms: 50 },
      idempotency_header: "X-Request-Key",
    };
    const { base_url } = service.json.api;
    await service.ask("PUT", "", { api: { base_url, ...settings } });
    expect(await attempts("POST")).toEqual([503, 1]);
    expect(await attempts("POST", { "idempotency-key": fresh("key") })).toEqual([200, 3]);
  });

  it("gives the service a key that is the same for the same caller alone", async () => {
    const service = await addCalled(acme, { idempotency_header: "X-Request-Key" });
    const manager = await addUser(acme, "manager");
    const { id, path } = place();
    const order = { "idempotency-key": "order-1" };
    const ask = (method: string, token = acme.admin.token, headers: object = order) =>
      call("POST", `${acme.api}/services/${service.slug}/requests`, {
        token,
        headers: { ...headers },
        body: { method, path },
      });
    await ask("POST");
    await ask("POST", manager.token);
    await ask("POST", manager.token, { "idempotency-key": "order-2" });
    await ask("POST", manager.token, {});
    await ask("GET", manager.token, { "idempotency-key": "order-3" });
    const given = (await seen(id)).map(({ headers }) => headers["x-request-key"]);
    expect(given.slice(0, 3)).toEqual(Array(3).fill(expect.stringMatching(/^[0-9a-f]{32}$/)));
    expect(new Set(given.slice(0, 3)).size).toBe(3);
    expect(given.slice(3)).toEqual([undefined, undefined]);
    const heard = JSON.stringify(await seen(id));
    for (const key of ["order-1", "order-2", "order-3"]) expect(heard).not.toContain(key);
  });

  it("sets the service's header for keys itself", async () => {
    const service = await addCalled(acme, { idempotency_header: "X-Request-Key" });
    const { id, path } = place();
    const headers = { "x-request-key": "order-1" };
    const reply = await service.request({ method: "POST", path, headers });
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    expect(reply.json.errors).toMatchObject([{ pointer: "/headers" }]);
    expect(await seen(id)).toEqual([]);
  });

  it.each([408, 429, 502, 503, 504])("keeps no answer of %i for its key", async (status) => {
    const service = await addCalled(acme, {
      retry: { max_attempts: 1 },
      idempotency_header: "Idempotency-Key",
    });
    const { id, path } = place("flaky");
    const headers = { "idempotency-key": fresh("order") };
    const body = { method: "POST", path, query: { times: "1", status: String(status) } };
    const replies = [];
    for (let nth = 0; nth < 3; nth++) replies.push(await service.request(body, headers));
    expect(replies.map(({ json }) => json.status)).toEqual([status, 200, 200]);
    expect(replies[2]?.text).toBe(replies[1]?.text);
    const heard = (await seen(id)).map((each) => each.headers["idempotency-key"]);
    expect(heard).toHaveLength(2);
    expect(heard[0]).toBe(heard[1]);
    expect(await auditOf(service.id)).toEqual([
      ["service.call_begun", "POST", path, undefined, 1],
      ["service.called", "POST", path, status, 1],
      ["service.call_begun", "POST", path, undefined, 1],
      ["service.called", "POST", path, 200, 1],
    ]);
  });

  it("is not sent when the log cannot say that it was begun", async () => {
    const service = await addCalled(acme);
    const { id, path } = place();
    expect((await service.request({ method: "GET", path })).status).toBe(200);
    const binding = String((await registryOf(acme.slug))?.binding);
    const cut = wrapD1(databaseOf(binding), (trip, run) =>
      trip.kind === "read" ? run() : Promise.reject(new Error(GONE)),
    );
    const worker = openWorker({ [binding]: cut });
    const { result: reply } = await captureLogs(() =>
      worker.call("POST", `${acme.api}/services/${service.slug}/requests`, {
        token: acme.admin.token,
        body: { method: "POST", path },
      }),
    );
    expect(reply.status).toBe(503);
    expect(await seen(id)).toHaveLength(1);
  });

  it("is asked once under an Idempotency-Key", async () => {
    const service = await addCalled(acme);
    const { id, path } = place();
    const headers = { "idempotency-key": fresh("order") };
    const body = { method: "POST", path, query: { header: JSON_TYPE }, body: { n: 1 } };
    const first = await service.request(body, headers);
    const again = await service.request(body, headers);
    expect([first.status, again.status, again.text]).toEqual([200, 200, first.text]);
    const other = await service.request({ ...body, body: { n: 2 } }, headers);
    expect([other.status, problemOf(other)]).toEqual([422, "idempotency-mismatch"]);
    const heard = await seen(id);
    // Nobody has said that the service knows such a header.
    expect(heard.map((each) => each.headers["idempotency-key"])).toEqual([undefined]);
    expect(await auditOf(service.id)).toEqual([
      ["service.call_begun", "POST", path, undefined, 1],
      ["service.called", "POST", path, 200, 1],
    ]);
    const [begun, ended] = await callsOf(service.id);
    expect(begun).toMatch(/^call_/);
    expect(ended).toBe(begun);
  });

  it("that failed may be sent again under its key", async () => {
    const service = await addCalled(acme, { retry: { max_attempts: 1 } });
    const { id, path } = place("flaky");
    const headers = { "idempotency-key": fresh("order") };
    const body = { method: "POST", path, query: { times: "1", status: "cut" } };
    const failed = await service.request(body, headers);
    expect([failed.status, problemOf(failed)]).toEqual([502, "downstream-unreachable"]);
    expect((await service.request(body, headers)).status).toBe(200);
    expect(await seen(id)).toHaveLength(2);
    expect(await auditOf(service.id)).toEqual([
      ["service.call_begun", "POST", path, undefined, 1],
      ["service.call_failed", "POST", path, "downstream-unreachable", 1],
      ["service.call_begun", "POST", path, undefined, 1],
      ["service.called", "POST", path, 200, 1],
    ]);
  });

  it("that changes something is audited alone, those that read are summed", async () => {
    const service = await addCalled(acme);
    const { path } = place();
    for (const method of ["GET", "GET", "POST", "PUT", "HEAD", "POST"]) {
      const reply = await service.request({ method, path, query: { secret: "canary-secret" } });
      expect(reply.status, reply.text).toBe(200);
    }
    expect(await auditOf(service.id)).toEqual([
      ["service.called", "GET", path, 200, 3],
      ...["POST", "PUT", "POST"].flatMap((method) => [
        ["service.call_begun", method, path, undefined, 1],
        ["service.called", method, path, 200, 1],
      ]),
    ]);
  });

  it("is kept as long as the service says, for one credential", async () => {
    const service = await addCalled(acme, { auth: { type: "bearer", token: TOKEN } });
    const { id, path } = place();
    const request = {
      method: "GET",
      path,
      query: { header: ["cache-control: private, max-age=60", JSON_TYPE] },
    };
    const first = await service.request(request);
    const second = await service.request(request);
    expect([first.json.cached, second.json.cached]).toEqual([false, true]);
    expect(second.json).toMatchObject({ body: first.json.body, attempts: 0 });
    const auth = { type: "bearer", token: `${TOKEN}-2` };
    await service.ask("PUT", "", { api: { base_url: service.json.api.base_url, auth } });
    expect((await service.request(request)).json.cached).toBe(false);
    expect(await seen(id)).toHaveLength(2);
  });

  it.each([
    [
      "another user",
      { type: "basic", username: "ada", password: TOKEN },
      { type: "basic", username: "bob" },
    ],
    [
      "another header",
      { type: "header", name: "X-Api-Key", value: TOKEN },
      { type: "header", name: "X-Key" },
    ],
  ])("is kept for one user and header: %s asks anew", async (_, before, after) => {
    const service = await addCalled(acme, { auth: before });
    const { id, path } = place();
    const query = { header: ["cache-control: private, max-age=60", JSON_TYPE] };
    const ask = () => service.request({ method: "GET", path, query });
    await ask();
    const { base_url, credential } = service.json.api;
    const changed = await service.ask("PUT", "", { api: { base_url, auth: after } });
    expect(changed.json.api.credential.id).not.toBe(credential.id);
    expect((await ask()).json.cached).toBe(false);
    const [first, second] = (await seen(id)).map(({ headers }) => headers);
    if (after.type === "header") expect(second).toMatchObject({ "x-key": TOKEN });
    else expect(second?.authorization).toBe(`Basic ${btoa(`bob:${TOKEN}`)}`);
    expect(second).not.toEqual(first);
  });

  it("uses a rotated credential at once here, and within 5 seconds elsewhere", async () => {
    const service = await addCalled(acme, { auth: { type: "bearer", token: TOKEN } });
    const { id, path } = place();
    await service.request({ method: "GET", path });
    const auth = { type: "bearer", token: `${TOKEN}-2` };
    const database = await databaseOfTenant(acme.slug);
    const columns = "api, api_credential, api_credential_id";
    const row = () =>
      database.prepare(`SELECT ${columns} FROM services WHERE id = ?`).bind(service.id).first();
    const before = (await row()) as Record<string, string>;
    await service.ask("PUT", "", { api: { base_url: service.json.api.base_url, auth } });
    await service.request({ method: "GET", path });
    // As another isolate does it: this one hears nothing of it.
    await database
      .prepare(`UPDATE services SET (${columns}) = (?, ?, ?) WHERE id = ?`)
      .bind(before.api, before.api_credential, before.api_credential_id, service.id)
      .run();
    clock.pass(5 * SECOND - 1);
    await service.request({ method: "GET", path });
    clock.pass(1);
    await service.request({ method: "GET", path });
    const tokens = (await seen(id)).map(({ headers }) => headers.authorization);
    expect(tokens).toEqual(["", "-2", "-2", ""].map((end) => `Bearer ${TOKEN}${end}`));
  });

  it("is for admins and managers, at their own tenant", async () => {
    const service = await addCalled(acme);
    const { id, path } = place();
    const ask = async (token: string, api = acme.api) =>
      call("POST", `${api}/services/${service.slug}/requests`, {
        token,
        body: { method: "GET", path },
      });
    expect((await ask((await addUser(acme, "manager")).token)).status).toBe(200);
    for (const role of ["user", "readonly"] as const) {
      expect(problemOf(await ask((await addUser(acme, role)).token))).toBe("permission-denied");
    }
    const other = await newTenant();
    expect(problemOf(await ask(other.admin.token, other.api))).toBe("not-found");
    expect(await seen(id)).toHaveLength(1);
  });
});

/** What a service is not asked, and what callers hear when it does not answer as it should. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  addCalled,
  type CalledService,
  fresh,
  seen,
  servers,
} from "../../support/called-services.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { call, newTenant, problemOf, type Reply, type TestTenant } from "../../support/client.ts";

let acme: TestTenant;
let service: CalledService;
beforeAll(async () => {
  acme = await newTenant();
  service = await addCalled(acme, {
    base_url: `${servers().first}/echo`,
  });
});

const pointersOf = ({ json }: Reply) =>
  json.errors.map((each: { pointer: string }) => each.pointer);

const numbered = (count: number, value: unknown = "1") =>
  Object.fromEntries(Array.from({ length: count }, (_, nth) => [`x-${nth}`, value]));

describe("a request is refused before anybody hears of it", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["no slash", { path: "orders" }, "/path"],
    ["another host", { path: "//evil.example/a" }, "/path"],
    ["a whole URL", { path: "https://evil.example/a" }, "/path"],
    ["a way up", { path: "/a/../../seen/x" }, "/path"],
    ["an encoded way up", { path: "/a/%2e%2e/%2e%2e/seen/x" }, "/path"],
    ["a way up encoded twice", { path: "/a/%252e%252e/x" }, "/path"],
    ["a backslash", { path: "/\\evil.example" }, "/path"],
    ["a query in its path", { path: "/a?b=c" }, "/path"],
    ["a new line in its path", { path: "/a\r\nHost: b" }, "/path"],
    ["no path", { path: "" }, "/path"],
    ["another method", { method: "TRACE" }, "/method"],
    ["CONNECT", { method: "CONNECT" }, "/method"],
    ["the host", { headers: { Host: "evil.example" } }, "/headers/Host"],
    ["a credential", { headers: { Authorization: "Bearer x" } }, "/headers/Authorization"],
    ["a cookie", { headers: { cookie: "a=b" } }, "/headers/cookie"],
    ["a length", { headers: { "Content-Length": "1" } }, "/headers/Content-Length"],
    ["a proxy's word", { headers: { "x-forwarded-for": "10.0.0.1" } }, "/headers/x-forwarded-for"],
    ["a header of two lines", { headers: { "x-a": "a\r\nx-b: c" } }, "/headers/x-a"],
    ["a name of two lines", { headers: { "x-a\r\nx-b": "c" } }, "/headers/x-a\r\nx-b"],
    ["a body of GET", { body: {} }, "/body"],
    [
      "a body that its type cannot be",
      { method: "POST", headers: { "content-type": "text/plain" }, body: { a: 1 } },
      "/body",
    ],
    [
      "half a character",
      { method: "POST", headers: { "content-type": "text/plain" }, body: "\ud800" },
      "/body",
    ],
    ["values that are no text", { query: { a: 1 } }, "/query/a"],
    ["a key of its own", { headers: { "idempotency-key": "order-1" } }, "/headers/idempotency-key"],
    ["51 headers", { headers: numbered(51) }, "/headers"],
    ["101 values under one name", { query: { a: Array(101).fill("1") } }, "/query/a"],
    ["101 names", { query: numbered(101, []) }, "/query"],
    [
      "101 values under two",
      { query: { a: Array(51).fill("1"), b: Array(50).fill("1") } },
      "/query",
    ],
    ["what nobody knows", { timeout_ms: 1 }, "/timeout_ms"],
  ])("with %s", async (_, changes, pointer) => {
    const id = fresh("refused");
    const reply = await service.request({ method: "GET", path: `/${id}`, ...changes });
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    expect(pointersOf(reply)).toEqual([pointer]);
    expect(await seen(id)).toEqual([]);
  });

  it("with a body over the cap: 512 KiB go, one byte more does not", async () => {
    const id = fresh("large");
    const post = (body: string) => {
      const headers = { "content-type": "text/plain" };
      return service.request({ method: "POST", path: `/${id}`, headers, body });
    };
    const over = await post("x".repeat(524_289));
    expect([over.status, problemOf(over)]).toEqual([413, "content-too-large"]);
    expect(await seen(id)).toEqual([]);
    // Its echo is over the cap, too.
    const reply = await post("x".repeat(524_288));
    expect([reply.status, problemOf(reply)]).toEqual([502, "downstream-answer"]);
    expect((await seen(id))[0]?.body).toHaveLength(524_288);
  });

  it("without an API section, or for a service that nobody has", async () => {
    const slug = fresh("plain");
    const { token } = acme.admin;
    await call("POST", `${acme.api}/services`, { token, body: { slug, name: slug } });
    const body = { method: "GET", path: "/" };
    const ask = (name: string) =>
      call("POST", `${acme.api}/services/${name}/requests`, { token, body });
    const refused = await ask(slug);
    expect([refused.status, problemOf(refused)]).toEqual([409, "service-not-callable"]);
    const unknown = await ask("nobodys");
    expect([unknown.status, problemOf(unknown)]).toEqual([404, "not-found"]);
  });
});

describe("a service that misbehaves ends in", () => {
  const misbehave = async (behaviour: string, query = {}, api = {}) => {
    const one = await addCalled(acme, { retry: { max_attempts: 1 }, timeout_ms: 500, ...api });
    const { result, entries } = await captureLogs(() =>
      one.request({ method: "GET", path: `/${behaviour}/${fresh("bad")}`, query }),
    );
    return { reply: result, entries, service: one };
  };

  it.each([
    ["504, silent", "never", {}, 504, "downstream-timeout"],
    ["504, a byte a second", "drip", {}, 504, "downstream-timeout"],
    ["502, a gigabyte", "flood", {}, 502, "downstream-answer"],
    ["502, a circle of redirects", "circle", {}, 502, "downstream-answer"],
    ["502, a way in", "redirect", { to: "http://10.0.0.1/" }, 502, "downstream-answer"],
    ["502, an early end", "torn", {}, 502, "downstream-unreachable"],
  ])("%s", async (_, behaviour, query, status, problem) => {
    const { reply, entries } = await misbehave(behaviour, query);
    expect([reply.status, problemOf(reply)]).toEqual([status, problem]);
    expect(reply.text).not.toContain("127.0.0.1");
    const failed = entries.find(({ code }) => code === problem);
    expect(failed).toMatchObject({ level: "info", message: "called service failed" });
  });

  it("502 where nobody listens, and 503 with Retry-After at once when that goes on", async () => {
    const dead = await addCalled(acme, {
      base_url: servers().dead,
      retry: { max_attempts: 1 },
      breaker: { minimum_calls: 2, open_ms: 30_000 },
    });
    const replies: Reply[] = [];
    for (let nth = 0; nth < 4; nth++) {
      replies.push(await dead.request({ method: "POST", path: "/" }));
    }
    expect(replies.map(problemOf)).toEqual([
      "downstream-unreachable",
      "downstream-unreachable",
      "circuit-open",
      "circuit-open",
    ]);
    expect(replies.map(({ status }) => status)).toEqual([502, 502, 503, 503]);
    for (const open of replies.slice(2)) {
      const seconds = Number(open.headers.get("retry-after"));
      expect(seconds).toBeGreaterThanOrEqual(23);
      expect(seconds).toBeLessThanOrEqual(30);
    }
  });

  it("429 with Retry-After over the rate of the service", async () => {
    const slow = await addCalled(acme, { rate_limit_per_second: 1 });
    const replies: Reply[] = [];
    for (let nth = 0; nth < 6 && replies.at(-1)?.status !== 429; nth++) {
      replies.push(await slow.request({ method: "GET", path: `/echo/${fresh("rate")}` }));
    }
    const last = replies.at(-1) as Reply;
    expect([last.status, problemOf(last)]).toEqual([429, "quota-exceeded"]);
    expect(Number(last.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  });
});

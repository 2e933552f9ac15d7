import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fire, startCronClock } from "../../scripts/lib/cron-clock.ts";
import { send, sendPatiently } from "../../scripts/lib/http.ts";
import { chosenPort, freePort, isFree } from "../../scripts/lib/port.ts";
import { DEMO, seed } from "../../scripts/lib/seed.ts";

interface Seen {
  method: string | undefined;
  host: string | undefined;
  url: string | undefined;
  authorization: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent
  body: any;
}

let server: Server;
let port: number;
let seen: Seen[];
let answer: (
  request: Seen,
) => [status: number, body: unknown, headers?: Readonly<Record<string, string>>];

beforeEach(async () => {
  seen = [];
  answer = () => [200, {}];
  server = createServer(async (request: IncomingMessage, response) => {
    const { method, url, headers } = request;
    const sent = await text(request);
    const entry: Seen = {
      method,
      url,
      host: headers.host,
      authorization: headers.authorization,
      body: sent ? JSON.parse(sent) : undefined,
    };
    seen.push(entry);
    const [status, body, more] = answer(entry);
    response.writeHead(status, more).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

describe("sendPatiently", () => {
  const limited = (seconds: string, code = "quota-exceeded") =>
    [
      429,
      { type: `https://rowhouse.dev/problems/${code}` },
      { "retry-after": seconds },
    ] as const satisfies ReturnType<typeof answer>;
  const waits: number[] = [];
  const pause = async (ms: number) => waits.push(ms);
  beforeEach(() => {
    waits.length = 0;
  });

  it("comes again when a rate limit says that it helps", async () => {
    answer = () => (seen.length === 1 ? limited("7") : [200, {}]);
    expect((await sendPatiently({ port, path: "/" }, pause)).status).toBe(200);
    expect(waits).toEqual([7_000]);
  });

  it("comes again once, and not for what no waiting helps", async () => {
    answer = () => limited("1");
    expect((await sendPatiently({ port, path: "/" }, pause)).status).toBe(429);
    expect(seen).toHaveLength(2);
    for (const other of [limited("61"), limited("soon"), limited("1", "sign-in-locked")]) {
      answer = () => other;
      expect((await sendPatiently({ port, path: "/" }, pause)).status).toBe(429);
    }
    expect(seen).toHaveLength(5);
    expect(waits).toEqual([1_000]);
  });
});

describe("send", () => {
  it("names the door in Host, whatever it resolves to", async () => {
    await send({ port, door: "acme.localhost", path: "/x?y=1" });
    expect(seen[0]).toMatchObject({ method: "GET", host: `acme.localhost:${port}`, url: "/x?y=1" });
  });

  it("sends JSON and returns the answer whole", async () => {
    answer = () => [418, { tea: "ü".repeat(100_000) }];
    const got = await send({ port, method: "POST", path: "/", body: { a: "ü" } });
    expect(seen[0]?.body).toEqual({ a: "ü" });
    expect(got.status).toBe(418);
    expect(JSON.parse(got.text).tea).toHaveLength(100_000);
  });

  it("fails when nobody listens", async () => {
    await expect(send({ port: await freePort(), path: "/" })).rejects.toThrow("ECONNREFUSED");
  });
});

describe("ports", () => {
  it("tells free from taken", async () => {
    expect(await isFree(port)).toBe(false);
    expect(await isFree(await freePort())).toBe(true);
  });

  it("comes from PORT, else it is 8787", () => {
    expect(chosenPort({})).toBe(8787);
    expect(chosenPort({ PORT: "8080" })).toBe(8080);
    for (const PORT of ["0", "65536", "80a", "1.5", "-1"]) {
      expect(() => chosenPort({ PORT })).toThrow("PORT must be");
    }
  });
});

describe("seed", () => {
  /** What the demo's business has, by path. */
  const there: Record<string, unknown[]> = {};
  const list = (url = "") => there[url.replace(/\?.*/, "")] ?? [];
  beforeEach(() => {
    for (const path of Object.keys(there)) delete there[path];
  });

  it("registers the tenant, then makes users, the stripe service and a business as its admin", async () => {
    answer = ({ url, method }) =>
      method === "GET" ? [200, { data: list(url) }] : [201, { access_token: "T" }];
    await seed(port);
    expect(seen[0]).toMatchObject({ host: `localhost:${port}`, url: "/api/v1/auth/register" });
    expect(seen[0]?.body).toMatchObject({ slug: "acme", admin_email: DEMO.admin });
    const users = seen.slice(1, 4);
    expect(users.map(({ body }) => body.role)).toEqual(["manager", "user", "readonly"]);
    const services = seen.slice(4, 5);
    expect(services.map(({ url, body }) => ({ url, ...body }))).toEqual([
      {
        url: "/api/v1/services",
        slug: "stripe",
        name: "Stripe",
        webhook: { scheme: "stripe", secrets: [DEMO.webhookSecret] },
      },
    ]);
    const made = seen.slice(5).filter(({ method }) => method === "POST");
    expect(made.map(({ url, body }) => [url, body.name ?? body.metric ?? body.title])).toEqual([
      ["/api/v1/actors", "Sasha of the support team"],
      ["/api/v1/actors", "Mika of the account team"],
      ["/api/v1/actors", "Billing"],
      ["/api/v1/signal-rules", "checkout_latency_ms"],
      ["/api/v1/signals", undefined],
      ["/api/v1/signals", "Customers say that invoices come late"],
    ]);
    for (const { host, authorization } of seen.slice(1)) {
      expect({ host, authorization }).toEqual({
        host: `acme.localhost:${port}`,
        authorization: "Bearer T",
      });
    }
  });

  it("signs in and goes on when all is there already", async () => {
    there["/api/v1/actors"] = [
      { name: "Billing", active: false },
      { name: "Mika of the account team" },
      { name: "Sasha of the support team" },
    ];
    there["/api/v1/signal-rules"] = [{ metric: "checkout_latency_ms", threshold: 9 }];
    there["/api/v1/signals"] = [
      { title: "Response time over the SLA", response_time_ms: 1_450, status: "resolved" },
      { title: "Customers say that invoices come late", response_time_ms: null },
    ];
    answer = ({ url, method }) =>
      method === "GET"
        ? [200, { data: list(url) }]
        : url?.endsWith("/login")
          ? [200, { access_token: "T" }]
          : [409, {}];
    await seed(port);
    const asked = ({ method, url }: Seen) => `${method} ${url?.split("/").at(-1)}`;
    expect(seen.map(asked)).toEqual([
      "POST register",
      "POST login",
      "POST users",
      "POST users",
      "POST users",
      "POST services",
      "GET actors?limit=100",
      "GET signal-rules?metric=checkout_latency_ms",
      "GET signals?ordering=opened_at&limit=100",
    ]);
  });

  it("adds what of the business an earlier start has not made", async () => {
    there["/api/v1/actors"] = [{ name: "Billing" }];
    there["/api/v1/signals"] = [{ title: "Response time over the SLA", response_time_ms: 1_450 }];
    answer = ({ url, method }) =>
      method === "GET"
        ? [200, { data: list(url) }]
        : url?.endsWith("/register")
          ? [409, {}]
          : [201, { access_token: "T" }];
    await seed(port);
    const made = seen.slice(6).flatMap(({ method, body }) => (method === "POST" ? [body] : []));
    expect(made.map(({ name, metric, title }) => name ?? metric ?? title)).toEqual([
      "Sasha of the support team",
      "Mika of the account team",
      "checkout_latency_ms",
      "Customers say that invoices come late",
    ]);
  });

  it("says which step failed, and with what", async () => {
    answer = ({ url }) =>
      url?.endsWith("/users") ? [422, { e: 1 }] : [201, { access_token: "T" }];
    await expect(seed(port)).rejects.toThrow('"manager" failed: 422 {"e":1}');
    answer = ({ url }) =>
      url?.endsWith("/services") ? [422, { e: 2 }] : [201, { access_token: "T" }];
    await expect(seed(port)).rejects.toThrow('"service stripe" failed: 422 {"e":2}');
    answer = () => [201, {}];
    await expect(seed(port)).rejects.toThrow("no access_token");
  });
});

describe("cron", () => {
  it("fires the scheduled handler with its cron and time", async () => {
    await fire(port, "*/5 * * * *", new Date(1_000));
    expect(seen[0]).toMatchObject({ host: `localhost:${port}` });
    const url = new URL(seen[0]?.url ?? "", "http://localhost");
    expect(url.pathname).toBe("/cdn-cgi/local/scheduled");
    expect(url.searchParams.get("cron")).toBe("*/5 * * * *");
    expect(url.searchParams.get("time")).toBe("1000");
  });

  it("reports a handler that failed", async () => {
    answer = () => [500, { outcome: "exception" }];
    await expect(fire(port, "* * * * *", new Date())).rejects.toThrow("exception");
  });

  it("refuses at once what it could never fire", () => {
    expect(() => startCronClock(port, ["0 0 * * MON"], () => {})).toThrow("MON");
    startCronClock(port, ["* * * * *"], () => {})();
  });
});

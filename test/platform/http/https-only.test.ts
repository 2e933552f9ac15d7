/** Plain http, where the platform is reached by https: at a cell by itself, and at the router. */
import { beforeAll, describe, expect, it } from "vitest";
import { captureLogs } from "../../support/captured-logs.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { cellNamed, HOME, openRouter } from "../../support/routers.ts";
import { addService, eventOf, signed } from "../../support/webhooks.ts";
import { openWorker, wrapAll } from "../../support/worker.ts";

const HTTPS = { BASE_URL: "https://rowhouse.test" };
const overHttps = (url: string) => url.replace(/^http:/, "https:");

let tenant: TestTenant;
beforeAll(async () => {
  tenant = await newTenant();
});

/** What a deployment is reached through, and how many trips to databases it has made. */
function fronts(settings: object) {
  let trips = 0;
  const counted = wrapAll(() => (_, run) => {
    trips += 1;
    return run();
  });
  const cell = openWorker({ ...counted, ...settings });
  const router = openRouter({ [HOME]: cellNamed(HOME, { ...counted, ...settings }) }, settings);
  return { "a cell by itself": cell.call, "the router": router.call, trips: () => trips, router };
}

describe.each(["a cell by itself", "the router"] as const)("at %s", (front) => {
  it("is sent on to the same address, whatever it asks for and whoever asks", async () => {
    const to = fronts(HTTPS);
    const { token } = tenant.admin;
    for (const [method, path, options] of [
      ["GET", "/api/v1/users?limit=2&cursor=a%2Fb%20c", { token }],
      ["HEAD", "/health", {}],
      ["POST", "/api/v1/auth/login", { body: { email: "ada@x.test", password: "wrong" } }],
      ["DELETE", "/api/v1/users/none", { token: "made-up" }],
      ["OPTIONS", "/api/v1/users", { headers: { origin: "https://app.example" } }],
      ["GET", "//elsewhere.example/x", {}],
      ["GET", "/nowhere", { token }],
    ] as const) {
      for (const origin of [tenant.origin, "http://rowhouse.test", "http://nobody.rowhouse.test"]) {
        const reply = await to[front](method, origin + path, options);
        expect([reply.status, reply.headers.get("location")], `${method} ${path}`).toEqual([
          308,
          overHttps(origin + path),
        ]);
        expect(reply.text).toBe("");
        expect(reply.headers.get("cache-control")).toBe("no-store");
        expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
        expect(reply.headers.get("x-request-id")).toMatch(/^req_/);
      }
    }
    expect(to.trips()).toBe(0);
    expect(to.router.asked).toEqual([]);
  });

  it("takes no webhook in, which its sender may send again over https", async () => {
    const service = await addService(tenant);
    const { url, headers, body } = await signed(service, eventOf(service, "in-the-clear"));
    const to = fronts(HTTPS);
    const plain = await to[front]("POST", url, { headers, raw: body });
    expect([plain.status, to.trips()]).toEqual([308, 0]);
    const safe = await to[front]("POST", String(plain.headers.get("location")), {
      headers,
      raw: body,
    });
    expect(safe.status, safe.text).toBe(202);
  });

  it("leaves https alone, and everything where the platform itself is reached by http", async () => {
    const { token } = tenant.admin;
    const me = `${tenant.api}/auth/me`;
    for (const [settings, url] of [
      [HTTPS, overHttps(me)],
      [{}, me],
      [{}, overHttps(me)],
    ] as const) {
      const reply = await fronts(settings)[front]("GET", url, { token });
      expect([reply.status, reply.json?.email], url).toEqual([200, tenant.admin.email]);
    }
  });

  it("comes to the port where https is", async () => {
    const to = fronts({ BASE_URL: "https://rowhouse.test:8443" });
    const reply = await to[front]("GET", "http://acme.rowhouse.test:8080/health");
    expect(reply.headers.get("location")).toBe("https://acme.rowhouse.test:8443/health");
    const usual = await fronts(HTTPS)[front]("GET", "http://rowhouse.test:8080/health");
    expect(usual.headers.get("location")).toBe("https://rowhouse.test/health");
  });

  it("is in the log, which has nothing of what was sent in the clear", async () => {
    const to = fronts(HTTPS);
    const { lines, entries } = await captureLogs(() =>
      to[front]("GET", `${tenant.api}/users?secret=plain-text`, { token: tenant.admin.token }),
    );
    expect(entries).toMatchObject([{ status: 308, tenant: null }]);
    expect(lines.join()).not.toMatch(/plain-text|users/);
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import { call, newTenant, PLATFORM_ORIGIN, type Reply } from "../../support/client.ts";

let origins: string[];

beforeAll(async () => {
  origins = [(await newTenant()).origin, PLATFORM_ORIGIN];
});

async function onEachDoor(path: string, check: (reply: Reply, origin: string) => unknown) {
  for (const origin of origins) await check(await call("GET", origin + path), origin);
}

/** The directives of a page's policy, by their names. */
function policyOf(reply: Reply): Map<string, string> {
  const text = reply.headers.get("content-security-policy") ?? "";
  return new Map(
    text.split("; ").map((directive) => {
      const [name = "", ...sources] = directive.split(" ");
      return [name, sources.join(" ")];
    }),
  );
}

describe("the page", () => {
  it("is there on every door", () =>
    onEachDoor("/docs", (reply) => {
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")).toMatch(/^text\/html/);
      expect(reply.text).toContain('"url": "/openapi.json"');
    }));

  it("names no other host", () =>
    onEachDoor("/docs", (reply) => {
      expect(reply.text.match(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]+/gi) ?? []).toEqual([]);
    }));

  it("lets only scripts with this answer's nonce run, and talks to its door alone", async () => {
    const nonces: string[] = [];
    await onEachDoor("/docs", (reply) => {
      const policy = policyOf(reply);
      const nonce = /^'nonce-([\w-]{22,})'$/.exec(policy.get("script-src") ?? "")?.[1] ?? "";
      expect(nonce).not.toBe("");
      nonces.push(nonce);
      expect(Object.fromEntries(policy)).toEqual({
        "default-src": "'none'",
        "script-src": `'nonce-${nonce}'`,
        "style-src": "'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
      });
      const scripts = reply.text.match(/<script[^>]*>/g) ?? [];
      expect(scripts).toHaveLength(2);
      for (const script of scripts) expect(script).toContain(` nonce="${nonce}"`);
    });
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it("is stored nowhere, since its nonce is good once", () =>
    onEachDoor("/docs", (reply) => {
      expect(reply.headers.get("cache-control")).toBe("no-store");
    }));

  it("keeps no token and sends nothing home", () =>
    onEachDoor("/docs", ({ text }) => {
      for (const off of ["persistAuth", "telemetry", "withDefaultFonts"]) {
        expect(text).toContain(`"${off}": false`);
      }
      expect(text).toContain('"proxyUrl": ""');
      expect(text.replaceAll(/\s/g, "")).toContain('"agent":{"disabled":true}');
      expect(text.replaceAll(/\s/g, "")).toContain('"mcp":{"disabled":true}');
    }));

  it("finds its script on its own door, and no other asset", () =>
    onEachDoor("/docs/scalar.js", async (reply, origin) => {
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")).toMatch(/^text\/javascript/);
      expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
      expect(reply.headers.get("x-request-id")).toMatch(/^req_/);
      expect(reply.text.length).toBeGreaterThan(1_000_000);
      const etag = reply.headers.get("etag") ?? "";
      const again = await call("GET", `${origin}/docs/scalar.js`, {
        headers: { "if-none-match": etag },
      });
      expect([again.status, again.text]).toEqual([304, ""]);
      for (const path of ["/standalone.js", "/standalone.js.map", "/standalone.esm.js"]) {
        expect((await call("GET", origin + path)).status).toBe(404);
      }
    }));

  it("takes no other method, and is served with a trailing slash too", async () => {
    for (const origin of origins) {
      const reply = await call("POST", `${origin}/docs`);
      expect([reply.status, reply.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
      expect((await call("GET", `${origin}/docs/`)).status).toBe(200);
    }
  });

  it("is not there where no door is", async () => {
    for (const path of ["/docs", "/docs/scalar.js", "/api/docs"]) {
      const reply = await call("GET", `http://nobody-here.rowhouse.test${path}`);
      expect(reply.status).toBe(404);
    }
  });
});

describe("the paths that other frameworks serve it on", () => {
  it.each([
    ["/api/docs", "/docs"],
    ["/api/redoc", "/docs"],
    ["/api/v1/docs", "/docs"],
    ["/api/v1/redoc", "/docs"],
    ["/api/schema", "/openapi.json"],
    ["/api/v1/openapi.json", "/openapi.json"],
    ["/api/schema/", "/openapi.json"],
  ])("%s leads to %s on the same door", (from, to) =>
    onEachDoor(from, (reply) => {
      expect([reply.status, reply.headers.get("location")]).toEqual([301, to]);
    }),
  );
});

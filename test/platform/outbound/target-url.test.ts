import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { targetUrl } from "../../../src/platform/outbound/index.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { holds } from "../../support/property.ts";

const BASE = new URL("https://api.example.com/v1/");

/** What a path is refused for; null when it is not. */
function refusal(path: string, base = BASE): string | null {
  try {
    targetUrl(base, path);
    return null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.code).toBe("validation-failed");
    const [fault, ...more] = error.options.errors ?? [];
    expect([fault?.pointer, more]).toEqual(["/path", []]);
    return fault?.message ?? "";
  }
}

describe("base and path", () => {
  it.each([
    ["https://api.example.com", "/charges", "https://api.example.com/charges"],
    ["https://api.example.com/", "/charges", "https://api.example.com/charges"],
    ["https://api.example.com/v1", "/charges", "https://api.example.com/v1/charges"],
    ["https://api.example.com/v1///", "/charges", "https://api.example.com/v1/charges"],
    ["https://api.example.com/v1?key=1", "/charges", "https://api.example.com/v1/charges"],
    ["https://api.example.com/v1", "/", "https://api.example.com/v1/"],
    ["https://api.example.com/v1", "/a//b/", "https://api.example.com/v1/a//b/"],
    ["https://api.example.com/v1", "/a%2Fb", "https://api.example.com/v1/a%2Fb"],
    ["https://api.example.com/v1", "/100%25", "https://api.example.com/v1/100%25"],
    ["https://api.example.com/v1", "/1%25ZZ/%25", "https://api.example.com/v1/1%25ZZ/%25"],
    ["https://api.example.com/v1", "/.well-known/x", "https://api.example.com/v1/.well-known/x"],
    ["https://api.example.com/v1", "/a..b/c...", "https://api.example.com/v1/a..b/c..."],
    ["https://api.example.com/v1", "/a;b=1/c", "https://api.example.com/v1/a;b=1/c"],
    ["https://api.example.com/v1", "/user@host:1", "https://api.example.com/v1/user@host:1"],
    ["https://api.example.com/v1", "/ü b", "https://api.example.com/v1/%C3%BC%20b"],
    ["https://api.example.com/v1", "/http://x.test", "https://api.example.com/v1/http://x.test"],
  ])("%s and %s are %s", (base, path, url) => {
    expect(targetUrl(new URL(base), path).href).toBe(url);
  });

  it("takes a query, whatever stands in it", () => {
    const query = { a: "1 &b=2#", "c?": ["x", "y"], none: [] };
    expect(targetUrl(BASE, "/list", query).search).toBe("?a=1+%26b%3D2%23&c%3F=x&c%3F=y");
  });

  it("leaves the base as it is", () => {
    targetUrl(BASE, "/list", { a: "1" });
    expect(BASE.href).toBe("https://api.example.com/v1/");
  });
});

const CLIMBING = "must not hold the segments . or ..";
const BACKSLASH = "must not hold backslashes";
const CONTROLS = "must not hold control characters";
const DOUBLE = "must not begin with //";
const QUERY = "must not hold a query or a fragment";
const START = "must begin with /";

describe("a path that is refused", () => {
  it.each([
    ["/..", CLIMBING],
    ["/../", CLIMBING],
    ["/../v2", CLIMBING],
    ["/a/../../v2", CLIMBING],
    ["/a/..", CLIMBING],
    ["/.", CLIMBING],
    ["/./a", CLIMBING],
    ["/%2e%2e/v2", CLIMBING],
    ["/%2E%2E/v2", CLIMBING],
    ["/.%2e/v2", CLIMBING],
    ["/%2e./v2", CLIMBING],
    ["/%2e", CLIMBING],
    ["/a%2f..%2f..%2fv2", CLIMBING],
    ["/%2e%2e%2fv2", CLIMBING],
    ["/%252e%252e/v2", CLIMBING],
    ["/%25252e%25252e/v2", CLIMBING],
    ["/..;/v2", CLIMBING],
    ["/.. ", CLIMBING],
    ["/v2/%20../v2", CLIMBING],
    ["/..;a=b/v2", CLIMBING],
    ["/..%3b/v2", CLIMBING],
    ["/%2e%2e;/v2", CLIMBING],
    ["/%25ZZ/%252e%252e/%252e%252e/admin", CLIMBING],
    ["/a%2f%252e%252e%2f%25", CLIMBING],
    ["/%25/%252e%252e", CLIMBING],
    ["/%252/%25252e%25252e", CLIMBING],
    ["/%25%2532e%25%2532e/v2", CLIMBING],
    ["/%25zz%255cx", BACKSLASH],
    ["/%25%250a", CONTROLS],
    ["/%25c0%25ae", "must be percent-encoded UTF-8"],
    ["/%25ff/%252e%252e", "must be percent-encoded UTF-8"],
    ["/%2525252525252e", "must not be encoded over and over"],
    ["\\..\\v2", START],
    ["/\\host", BACKSLASH],
    ["/a\\..\\b", BACKSLASH],
    ["/%5chost", BACKSLASH],
    ["/..%5c..", BACKSLASH],
    ["/%255c", BACKSLASH],
    ["//evil.test/x", DOUBLE],
    ["///evil.test", DOUBLE],
    ["/%2fevil.test", DOUBLE],
    ["https://evil.test/", START],
    ["//evil.test", DOUBLE],
    ["javascript:alert(1)", START],
    ["a", START],
    ["", START],
    [" /a", START],
    ["@evil.test/", START],
    [".evil.test/", START],
    [":8080/", START],
    ["/a?b=c", QUERY],
    ["/a#b", QUERY],
    ["?a", START],
    ["/a\r\nHost: evil.test", CONTROLS],
    ["/a\tb", CONTROLS],
    ["/\n/evil.test", CONTROLS],
    ["/\t/evil.test", CONTROLS],
    ["/a\u0000", CONTROLS],
    ["/a\u007f", CONTROLS],
    ["/a%00", CONTROLS],
    ["/a%0d%0aHost:%20evil.test", CONTROLS],
    ["/a%250a", CONTROLS],
    ["/a%", "must be percent-encoded UTF-8"],
    ["/a%zz", "must be percent-encoded UTF-8"],
    ["/%c0%ae%c0%ae/", "must be percent-encoded UTF-8"],
    ["/%ff", "must be percent-encoded UTF-8"],
    ["/\ud800", "must be well-formed text"],
  ])("%j: %s", (path, message) => {
    expect(refusal(path)).toBe(message);
  });
});

/** Pieces from which escapes are made, and letters between them. */
const piece = fc.constantFrom(
  ..."/ // .. . %2e %2E %2f %5c \\ ; ? # : @ %25 %25ZZ %252e %252f %00 %0a %c0%ae a b evil.test https:".split(
    " ",
  ),
  "\t",
  "\n",
  "\u0000",
  "．",
  "／",
  "\ud800",
);
const path = fc
  .array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 8 })
  .map((parts) => `/${parts.join("")}`);
const base = fc.constantFrom(
  "https://api.example.com",
  "https://api.example.com/v1",
  "https://api.example.com/v1/",
  "https://api.example.com:8443/a/b%20c/",
);

/** As servers do that take every escape by itself, and leave what is none. */
function leniently(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

describe("any path", () => {
  it("ends below the base, or is refused", async () => {
    let joined = 0;
    await holds(
      "target: stays below its base",
      [base, path],
      (from, tail) => {
        const own = new URL(from);
        const prefix = own.pathname.replace(/\/+$/, "");
        if (refusal(tail, own) !== null) return;
        joined += 1;
        const url = targetUrl(own, tail);
        expect([url.origin, url.username, url.search, url.hash]).toEqual([own.origin, "", "", ""]);
        expect(url.pathname.startsWith(`${prefix}/`)).toBe(true);
        // To whoever decodes it once or twice more, and takes backslashes for slashes, too.
        let seen = url.pathname;
        for (let nth = 0; nth < 3; nth++) {
          const asServer = new URL(seen.replaceAll("\\", "/"), own);
          expect(asServer.origin).toBe(own.origin);
          expect(asServer.pathname.startsWith(`${prefix}/`)).toBe(true);
          seen = leniently(seen);
        }
      },
      20_000,
    );
    expect(joined).toBeGreaterThan(1_000);
  });
});

import { describe, expect, it } from "vitest";
import { requestHeaders } from "../../../src/platform/outbound/index.ts";
import { Failure, type FieldError } from "../../../src/platform/problems.ts";

function faults(given: Record<string, string>): readonly FieldError[] {
  try {
    requestHeaders(given);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.code).toBe("validation-failed");
    return error.options.errors ?? [];
  }
}

describe("headers that a caller may set", () => {
  it.each([
    "accept",
    "Accept-Language",
    "cache-control",
    "CONTENT-TYPE",
    "content-language",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "prefer",
    "range",
    "x-api-version",
    "X-Custom",
    "x-request-id",
    "x-realm",
    "x-portal",
    "x-serverless",
    "x-goog-api-key",
    "x-amz-date",
    "x-ms-version",
    "stripe-version",
    "Notion-Version",
  ])("%s", (name) => {
    expect([...requestHeaders({ [name]: "a value" })]).toEqual([[name.toLowerCase(), "a value"]]);
  });

  it("may be of any ASCII text", () => {
    expect(requestHeaders({ "x-a": 'caf"; ~ \t!' }).get("x-a")).toBe('caf"; ~ \t!');
    expect(requestHeaders({ "x-a": "" }).get("x-a")).toBe("");
  });
});

const NAME = "must be a header that callers may set";
const VALUE = "must be ASCII without control characters";

describe("headers that are refused", () => {
  it.each([
    "host",
    "Host",
    "connection",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "cookie",
    "set-cookie",
    "authorization",
    "idempotency-key",
    "Authorization",
    "proxy-authorization",
    "proxy-connection",
    "user-agent",
    "referer",
    "origin",
    "via",
    "forwarded",
    "traceparent",
    "tracestate",
    "baggage",
    "cf-connecting-ip",
    "cf-worker",
    "true-client-ip",
    "sec-fetch-site",
    "sec-websocket-version",
    "x-forwarded-for",
    "X-Forwarded-Host",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-remote-user",
    "x-http-method-override",
    "x-method-override",
    "x-host",
    "x-proxy-url",
    "x-envoy-original-path",
    "X-SSL-Client-Verify",
    "x-client-cert",
    "x-client-id",
    "x-authenticated-user",
    "x-auth-request-email",
    "x-user",
    "x-user-id",
    "x-username",
    "x-override-url",
    "x-http-destinationurl",
    "x-http-method",
    "x-original-method",
    "x-rewrite-path",
    "x-scheme",
    "x-proto",
    "x-port",
    "x-realip",
    "x-remote-addr",
    "x-url",
    "x-consumer-username",
    "x-ms-client-principal",
    "x-goog-authenticated-user-email",
    "x-amzn-oidc-identity",
    "x-middleware-subrequest",
    "x-webauth-user",
    // To CGI and its heirs, underscores are hyphens.
    "x_forwarded_for",
    "x-forwarded_for",
    ":authority",
    "",
    " ",
    "x",
    "x-",
    "x-a b",
    "x-a:",
    "x-a\r\ncookie",
    "x-ä",
    "a/b~c",
  ])("%j", (name) => {
    const pointer = `/headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    expect(faults({ [name]: "value" })).toEqual([{ pointer, message: NAME }]);
  });

  it.each([
    "a\r\nhost: evil.test",
    "a\nb",
    "a\rb",
    "a\u0000b",
    "\u0000",
    "a\u007f",
    "a\u001bb",
    "\u00e9",
    "\u0100",
    "日本",
    "\ud83d\ude00",
    "a\n",
    "\r\na",
  ])("with the value %j", (value) => {
    expect(faults({ "x-a": value })).toEqual([{ pointer: "/headers/x-a", message: VALUE }]);
  });

  it("are named, all of them", () => {
    const given = { host: "a", "x-a": "1", cookie: "b", "x-b": "\n" };
    expect(faults(given).map(({ pointer }) => pointer)).toEqual([
      "/headers/host",
      "/headers/cookie",
      "/headers/x-b",
    ]);
  });

  it("when they are given twice, too long or too many", () => {
    expect(faults({ "x-a": "1", "X-A": "2" })).toEqual([
      { pointer: "/headers/X-A", message: "must be given once" },
    ]);
    expect(faults({ "x-a": "x".repeat(4_096) })).toEqual([]);
    expect(faults({ "x-a": "x".repeat(4_097) })).toHaveLength(1);
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, nth) => [`x-${nth}`, "1"]));
    expect(faults(many(50))).toEqual([]);
    expect(faults(many(51))).toEqual([
      { pointer: "/headers", message: "must be at most 50 headers" },
    ]);
  });
});

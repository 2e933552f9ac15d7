import { describe, expect, it } from "vitest";
import { type Hop, nextHop } from "../../../src/platform/outbound/redirects.ts";

const FROM = new URL("https://api.example.com/v1/orders?page=2");
const body = new TextEncoder().encode("{}");
const hop = (method: string): Hop => ({
  method,
  url: FROM,
  headers: new Headers({
    authorization: "Bearer one",
    "x-api-key": "two",
    "idempotency-key": "three",
    "content-type": "application/json",
    "content-language": "en",
    accept: "application/json",
  }),
  credential: ["x-credential", "four"],
  body: method === "GET" || method === "HEAD" ? null : body,
});

describe("the method after a redirect", () => {
  it.each([
    [301, "GET", "GET"],
    [301, "HEAD", "HEAD"],
    [301, "POST", "GET"],
    [301, "PUT", "PUT"],
    [301, "DELETE", "DELETE"],
    [302, "GET", "GET"],
    [302, "POST", "GET"],
    [302, "PATCH", "PATCH"],
    [303, "GET", "GET"],
    [303, "HEAD", "HEAD"],
    [303, "POST", "GET"],
    [303, "PUT", "GET"],
    [303, "DELETE", "GET"],
    [307, "POST", "POST"],
    [307, "PUT", "PUT"],
    [308, "POST", "POST"],
    [308, "GET", "GET"],
  ])("%i makes of %s %s", (status, before, after) => {
    const next = nextHop(hop(before), status, "/elsewhere");
    expect(next?.method).toBe(after);
    const kept = before === after;
    expect(next?.body).toBe(kept ? hop(before).body : null);
    expect(next?.headers.has("content-type")).toBe(kept);
    expect(next?.headers.has("content-language")).toBe(kept);
    expect(next?.headers.get("accept")).toBe("application/json");
  });
});

describe("what is no redirect", () => {
  it.each([200, 201, 204, 300, 304, 305, 306, 400, 404, 500])("%i", (status) => {
    expect(nextHop(hop("GET"), status, "/elsewhere")).toBeNull();
  });

  it("one that does not say where to", () => {
    expect(nextHop(hop("GET"), 302, null)).toBeNull();
  });
});

describe("where a redirect leads", () => {
  it.each([
    ["/login", "https://api.example.com/login"],
    ["lines", "https://api.example.com/v1/lines"],
    ["?page=3", "https://api.example.com/v1/orders?page=3"],
    ["//other.example/x", "https://other.example/x"],
    ["http://api.example.com/", "http://api.example.com/"],
    ["/login#top", "https://api.example.com/login"],
    ["", "https://api.example.com/v1/orders?page=2"],
  ])("%j: %s", (location, url) => {
    expect(nextHop(hop("GET"), 302, location)?.url.href).toBe(url);
  });

  it("must be a URL", () => {
    expect(() => nextHop(hop("GET"), 302, "https://[")).toThrow(TypeError);
  });
});

describe("credentials", () => {
  const told = (location: string, status = 307) => [
    ...(nextHop(hop("POST"), status, location)?.headers.keys() ?? []),
  ];

  it("stay with their origin", () => {
    expect(told("/elsewhere")).toContain("authorization");
    expect(told("/elsewhere")).toContain("x-api-key");
    expect(nextHop(hop("POST"), 302, "/elsewhere")?.credential).toEqual(["x-credential", "four"]);
    expect(told("https://api.example.com:443/elsewhere")).toContain("authorization");
  });

  it.each([
    "https://other.example/",
    "http://api.example.com/",
    "https://api.example.com:8443/",
    "https://api.example.com.evil.test/",
    "//other.example/",
  ])("do not go to %s", (location) => {
    expect(told(location)).toEqual(["accept", "content-type"]);
    expect(told(location, 302)).toEqual(["accept"]);
    expect(nextHop(hop("POST"), 307, location)?.credential).toBeNull();
  });
});

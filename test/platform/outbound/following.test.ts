import { describe, expect, inject, it } from "vitest";
import { caller, newPlace } from "../../support/outbound.ts";

const SECRETS = {
  authorization: "Bearer of-the-service",
  "x-api-key": "of-the-service",
  "idempotency-key": "of-the-caller",
};
const body = new TextEncoder().encode('{"amount":1}');

function posting() {
  const headers = new Headers({ ...SECRETS, "content-type": "application/json" });
  return { method: "POST", headers, body };
}

describe("redirects that are followed", () => {
  it("are five at most", async () => {
    const ctx = caller();
    const near = newPlace();
    const { answer } = await near.call(ctx, near.url("chain", "left=5"));
    expect(answer).toMatchObject({ status: 200, attempts: 1 });
    expect(await near.seen()).toHaveLength(6);
    const far = newPlace();
    const { failure } = await far.call(ctx, far.url("chain", "left=6"));
    expect([failure?.code, failure?.message]).toEqual([
      "downstream-answer",
      "The service redirects more than 5 times.",
    ]);
    expect(await far.seen()).toHaveLength(6);
    expect(await far.heard(ctx)).toMatchObject({ calls: 1, failed: 0 });
  });

  it("do not go in a circle", async () => {
    const place = newPlace();
    const { failure } = await place.call(caller(), place.url("circle"));
    expect([failure?.code, failure?.message]).toEqual([
      "downstream-answer",
      "The service redirects in a circle.",
    ]);
    expect(await place.seen()).toHaveLength(2);
  });

  it.each([301, 302, 303])("%i makes a GET of a POST", async (status) => {
    const place = newPlace();
    const url = place.url("redirect", { status: String(status), to: place.url("echo").href });
    const { answer } = await place.call(caller(), url, { request: posting() });
    expect(answer?.status).toBe(200);
    const [first, then] = await place.seen();
    expect([first?.method, first?.body]).toEqual(["POST", '{"amount":1}']);
    expect([then?.method, then?.body]).toEqual(["GET", ""]);
    expect(then?.headers).toMatchObject(SECRETS);
    expect(then?.headers).not.toHaveProperty("content-type");
  });

  it.each([307, 308])("%i sends the body again", async (status) => {
    const place = newPlace();
    const url = place.url("redirect", { status: String(status), to: place.url("echo").href });
    await place.call(caller(), url, { request: posting() });
    const [first, then] = await place.seen();
    expect(then).toMatchObject({ method: "POST", body: first?.body });
    expect(then?.headers).toMatchObject({ ...SECRETS, "content-type": "application/json" });
  });

  it("take no body to another origin: it was meant for the service", async () => {
    const ctx = caller();
    for (const status of ["307", "308"]) {
      const place = newPlace();
      const to = place.url("echo", {}, inject("misbehaving").second).href;
      const { failure } = await place.call(ctx, place.url("redirect", { status, to }), {
        request: posting(),
      });
      expect([failure?.code, failure?.message]).toEqual([
        "downstream-answer",
        "The service redirects a request with a body to another origin.",
      ]);
      expect(await place.seen()).toHaveLength(1);
    }
  });

  it.each([302, 307])("%i takes no credential to another origin, nor back", async (status) => {
    const place = newPlace();
    const { second } = inject("misbehaving");
    const back = place.url("echo").href;
    const other = place.url("redirect", { status: String(status), to: back }, second).href;
    const url = place.url("redirect", { status: String(status), to: other });
    const credential = ["x-credential", "canary-secret"] as const;
    const request = { ...posting(), body: null, credential };
    const { answer } = await place.call(caller(), url, { request });
    expect(answer?.status).toBe(200);
    const [first, ...later] = await place.seen();
    expect(first?.headers).toMatchObject({ ...SECRETS, "x-credential": "canary-secret" });
    expect(later.map(({ server }) => server)).toEqual(["second", "first"]);
    for (const { headers } of later) {
      for (const name of ["x-credential", ...Object.keys(SECRETS)]) {
        expect(headers).not.toHaveProperty(name);
      }
      expect(headers["user-agent"]).toBe("Rowhouse/development");
    }
  });

  it("are none when they are not to be followed", async () => {
    const place = newPlace({ followRedirects: false });
    const { answer } = await place.call(caller(), place.url("redirect", "to=http://10.0.0.1/"));
    expect(answer?.status).toBe(302);
    expect(answer?.headers.get("location")).toBe("http://10.0.0.1/");
    expect(await place.seen()).toHaveLength(1);
  });

  it("are none when they do not say where to", async () => {
    const place = newPlace();
    const { answer } = await place.call(caller(), place.url("echo", "status=302"));
    expect(answer?.status).toBe(302);
  });

  it("share one deadline", async () => {
    const place = newPlace({ timeoutMs: 1_000 });
    const url = place.url("redirect", { to: place.url("never").href });
    const { failure } = await place.call(caller(), url);
    expect(failure?.code).toBe("downstream-timeout");
    expect(await place.seen()).toHaveLength(2);
  });
});

const NETWORK = "it must not lead into a private or special network";
const OURS = "it must not be this platform itself";
const NO_HTTPS = "it must be an https URL";

describe("redirects to where nobody may go", () => {
  it.each([
    ["http://10.0.0.1/", NETWORK],
    ["http://169.254.169.254/latest/meta-data/", NETWORK],
    ["http://[::ffff:127.0.0.1]/", NETWORK],
    ["//192.168.0.1/", NETWORK],
    ["http://0x0a000001/", NETWORK],
    ["http://metadata.google.internal/", NETWORK],
    ["http://acme.rowhouse.test/api/v1/users", OURS],
    ["http://ROWHOUSE.test./", OURS],
    ["file:///etc/passwd", NO_HTTPS],
    ["javascript:alert(1)", NO_HTTPS],
    ["data:text/plain,hello", NO_HTTPS],
    ["http://user:pass@127.0.0.1/", "it must not hold a user name or password"],
    ["http://127.0.0.1:6379/", "it must not name a port that other services than the web's use"],
  ])("%s: %s", async (to, fault) => {
    const ctx = caller();
    const place = newPlace();
    const { failure } = await place.call(ctx, place.url("redirect", { to }));
    expect([failure?.code, failure?.message]).toEqual([
      "downstream-answer",
      `The service redirects to an address that is not called: ${fault}.`,
    ]);
    expect(await place.seen()).toHaveLength(1);
    expect(await place.heard(ctx)).toMatchObject({ calls: 1, failed: 0 });
  });

  it("and what is no address", async () => {
    const place = newPlace();
    const { failure } = await place.call(caller(), place.url("redirect", "to=https://["));
    expect(failure?.message).toBe("The service redirects to what is no URL.");
  });
});

describe("what a service hears and what is heard of it", () => {
  it("is told who calls, and nothing of ours", async () => {
    const place = newPlace();
    const headers = new Headers({
      "user-agent": "Other/1",
      "x-a": "1",
      "cache-control": "max-age=5",
    });
    await place.call(caller(), place.url("echo"), { request: { headers } });
    const [seen] = await place.seen();
    const { host, "cf-worker": _, pragma: __, ...told } = seen?.headers ?? {};
    expect(host).toBe(place.url("echo").host);
    expect(told).toEqual({
      "user-agent": "Rowhouse/development",
      "x-a": "1",
      "cache-control": "max-age=5",
    });
  });

  it("is every header but cookies and those of the connection", async () => {
    const place = newPlace();
    const given = [
      "set-cookie: a=1",
      "set-cookie: b=2",
      "connection: x-hop, @",
      "x-hop: 1",
      "keep-alive: timeout=5",
      "proxy-authenticate: Basic",
      "trailer: x-end",
      "upgrade: h2c",
      "x-a: 1",
      'etag: "1"',
      "content-type: application/json",
    ];
    const url = place.url("echo");
    for (const header of given) url.searchParams.append("header", header);
    const { answer } = await place.call(caller(), url);
    const names = [...(answer?.headers.keys() ?? [])];
    expect(names.sort()).toEqual(["content-type", "date", "etag", "x-a"]);
  });

  it("is the body as it was packed, without saying that it was", async () => {
    const place = newPlace();
    const { answer, text } = await place.call(caller(), place.url("packed"));
    expect(text).toBe("unpacked!");
    expect(answer?.headers.has("content-encoding")).toBe(false);
    expect(answer?.headers.has("content-length")).toBe(false);
  });

  it("is the length that a GET would have, when only the head was asked for", async () => {
    const place = newPlace();
    const url = place.url("echo", "header=content-length: 5000");
    const { answer } = await place.call(caller(), url, { request: { method: "HEAD" } });
    expect(answer?.headers.get("content-length")).toBe("5000");
    expect(answer?.body).toHaveLength(0);
  });

  it.each([200, 204, 400, 404, 418, 500])("is an answer of status %i", async (status) => {
    const place = newPlace();
    const { answer } = await place.call(caller(), place.url("echo", `status=${status}`));
    expect(answer).toMatchObject({ status, attempts: 1, cached: false });
  });
});

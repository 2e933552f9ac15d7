import { describe, expect, inject, it, vi } from "vitest";
import { PROBLEMS } from "../../../src/platform/problems.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { showFigures } from "../../support/figures.ts";
import { caller, newPlace } from "../../support/outbound.ts";

/** In ms. Long enough for a request to arrive on a busy machine, short enough to wait for. */
const SHORT_MS = 1_000;
const UNREACHABLE = [
  "downstream-unreachable",
  502,
  "No whole answer came from the service.",
] as const;
const TIMEOUT = ["downstream-timeout", 504, "The service did not answer in time."] as const;
const TOO_LONG = [
  "downstream-answer",
  502,
  "The service's answer is longer than 1000000 bytes.",
] as const;

/** What a server does, what the caller is told, and whether the breaker counts it as a failure. */
const CASES = [
  ["never", "", TIMEOUT, 1],
  ["headers", "", TIMEOUT, 1],
  ["drip", "", TIMEOUT, 1],
  ["cut", "", UNREACHABLE, 1],
  ["torn", "", UNREACHABLE, 1],
  ["torn", "chunked=1", UNREACHABLE, 1],
  ["garbage", "", UNREACHABLE, 1],
  ["huge-headers", "", UNREACHABLE, 1],
  ["flood", "", TOO_LONG, 0],
  ["flood", "length=1", TOO_LONG, 0],
  ["flood", "status=500", TOO_LONG, 1],
  ["bomb", "", TOO_LONG, 0],
  ["bomb", "encoding=br", TOO_LONG, 0],
] as const;

describe("a server that misbehaves", () => {
  it.each(CASES)("%s?%s", async (behaviour, options, [code, status, detail], failed) => {
    const ctx = caller();
    const slow = code === "downstream-timeout";
    const place = newPlace(slow ? { timeoutMs: SHORT_MS } : {});
    const { failure } = await place.call(ctx, place.url(behaviour, options));
    expect([failure?.code, failure?.message]).toEqual([code, detail]);
    expect(PROBLEMS[code].status).toBe(status);
    expect(await place.seen()).toHaveLength(1);
    expect(await place.heard(ctx)).toEqual({ calls: 1, failed, state: "closed" });
  });

  it("that is not there at all", async () => {
    const ctx = caller();
    const place = newPlace();
    const { failure } = await place.call(ctx, place.url("echo", {}, inject("misbehaving").dead));
    expect(failure?.code).toBe("downstream-unreachable");
    expect(await place.heard(ctx)).toEqual({ calls: 1, failed: 1, state: "closed" });
  });

  it("is hung up on", async ({ task }) => {
    const place = newPlace({ timeoutMs: SHORT_MS });
    const ctx = caller();
    for (const behaviour of ["flood", "never", "drip"]) {
      await place.call(ctx, place.url(behaviour));
    }
    // The server hears of it a moment later.
    const hungUp = async () => {
      const seen = await place.seen();
      expect(seen.map((request) => request.hungUp)).toEqual([true, true, true]);
    };
    await vi.waitFor(hungUp, { timeout: 30_000 });
    const [flood] = await place.seen();
    // What the kernels on both sides hold is taken too.
    expect(flood?.taken).toBeLessThan(64 * 1_048_576);
    showFigures(task, `outbound: of 1 GiB the server was rid of ${flood?.taken} bytes`);
  });

  it("gets no more time for several attempts than for one", async () => {
    const place = newPlace({ timeoutMs: SHORT_MS });
    const request = { repeatable: true };
    const { failure } = await place.call(caller(), place.url("never"), { request });
    expect(failure?.code).toBe("downstream-timeout");
    expect(await place.seen()).toHaveLength(1);
  });
});

describe("the cap on an answer", () => {
  it.each([
    [8, "downstream-answer"],
    [9, undefined],
  ])("of %i bytes, for one that is 9 long unpacked: %s", async (maxResponseBytes, code) => {
    const place = newPlace({ maxResponseBytes });
    const { failure, text } = await place.call(caller(), place.url("packed"));
    expect(failure?.code).toBe(code);
    if (!code) expect(text).toBe("unpacked!");
  });
});

describe("a line that cuts long answers", () => {
  it.each([
    [200, 0],
    [500, 1],
  ])("has the status %i and the beginning, and hangs up", async (status, failed) => {
    const ctx = caller();
    const place = newPlace({ longAnswers: "cut", maxResponseBytes: 100_000 });
    const { answer } = await place.call(ctx, place.url("flood", `status=${status}`), {
      request: { cacheAs: "credential" },
    });
    expect([answer?.status, answer?.body.byteLength]).toEqual([status, 100_000]);
    expect(await place.heard(ctx)).toMatchObject({ calls: 1, failed });
    const hungUp = async () => expect((await place.seen())[0]?.hungUp).toBe(true);
    await vi.waitFor(hungUp, { timeout: 30_000 });
  });

  it("cuts nothing of one that fits", async () => {
    const place = newPlace({ longAnswers: "cut", maxResponseBytes: 9 });
    expect((await place.call(caller(), place.url("packed"))).text).toBe("unpacked!");
  });
});

describe("what is said of a call that fails", () => {
  const SECRETS = ["secret-path", "secret-query", "secret-header", "secret-body", "secret-place"];

  it.each([
    ["cut", "a=secret-query"],
    ["redirect", "to=http://10.0.0.1/secret-place"],
    ["redirect", "to=http://user:secret-place@127.0.0.1/"],
    ["redirect", "to=https://[secret-place"],
    ["echo", "a=secret-query"],
  ])("%s?%s holds nothing secret", async (behaviour, options) => {
    const place = newPlace();
    const url = place.url(behaviour, options);
    url.pathname += "/secret-path";
    const { result, entries, lines } = await captureLogs(() =>
      place.call(caller(), url, {
        request: {
          method: "POST",
          headers: new Headers({ "x-key": "secret-header" }),
          body: new TextEncoder().encode("secret-body"),
        },
      }),
    );
    const said = `${result.failure?.message} ${lines.join("\n")}`;
    for (const secret of SECRETS) expect(said).not.toContain(secret);
    expect(entries).toHaveLength(1);
    const { time, duration_ms, ...entry } = entries[0];
    expect(entry).toEqual({
      level: "info",
      message: "called out",
      line: place.line.key,
      host: url.host,
      method: "POST",
      attempts: 1,
      ...(result.failure ? { problem: result.failure.code } : { status: 200, cached: false }),
    });
    expect(typeof duration_ms).toBe("number");
    expect(await place.seen()).toHaveLength(1);
  });
});

describe("an address that must not be called", () => {
  it.each([
    "http://acme.rowhouse.test/api/v1/users",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "ftp://127.0.0.1/",
  ])("%s is not called, and its breaker hears nothing", async (address) => {
    const ctx = caller();
    const place = newPlace();
    const { failure } = await place.call(ctx, new URL(address));
    expect(failure?.code).toBe("downstream-unreachable");
    expect(failure?.message).toMatch(/^The service's address is not called: it must /);
    expect(await place.heard(ctx)).toMatchObject({ calls: 0 });
  });
});

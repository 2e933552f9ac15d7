import { describe, expect, it } from "vitest";
import { createAnswerCache } from "../../../src/platform/outbound/answer-cache.ts";
import type { OutboundRequest } from "../../../src/platform/outbound/index.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { caller, newPlace, type Place } from "../../support/outbound.ts";

const clock = standingClock();
const CACHED = { cacheAs: "credential-1" };
type Request = Partial<Omit<OutboundRequest, "url">>;

/** An echo that says of itself what `headers` say. */
function keeping(place: Place, ...headers: string[]): URL {
  const url = place.url("echo");
  for (const header of headers) url.searchParams.append("header", header);
  return url;
}

/** Calls twice and says whether the second answer was the first again. */
async function isKept(headers: string[], first: Request = {}, second: Request = first) {
  const place = newPlace();
  const ctx = caller();
  const url = keeping(place, ...headers);
  const before = await place.call(ctx, url, { request: { ...CACHED, ...first } });
  const after = await place.call(ctx, url, { request: { ...CACHED, ...second } });
  expect(before.answer).toMatchObject({ cached: false, attempts: 1 });
  const cached = after.answer?.cached ?? false;
  expect(await place.seen()).toHaveLength(cached ? 1 : 2);
  if (cached) expect(after.text).toBe(before.text);
  return cached;
}

const asking = (headers: Record<string, string>): Request => ({ headers: new Headers(headers) });

describe("an answer is given again", () => {
  it.each([
    [["cache-control: max-age=60"]],
    [["cache-control: private, max-age=60"]],
    [["cache-control: public, max-age=60"]],
    [["cache-control: max-age=60", "age: 59"]],
    [["cache-control: max-age=60", "vary: accept"]],
    [["date: Thu, 01 Jan 2026 00:00:00 GMT", "expires: Thu, 01 Jan 2026 00:01:00 GMT"]],
  ])("when it says %j", async (headers) => {
    expect(await isKept(headers)).toBe(true);
  });

  it.each([
    [[]],
    [["cache-control: no-store, max-age=60"]],
    [["cache-control: no-cache, max-age=60"]],
    [["cache-control: max-age=0"]],
    [["cache-control: max-age=-1"]],
    [["cache-control: max-age=soon"]],
    [["cache-control: s-maxage=60"]],
    [["cache-control: immutable"]],
    [["cache-control: public"]],
    [["cache-control: max-age=60", "age: 60"]],
    [["cache-control: max-age=60", "vary: *"]],
    [["cache-control: max-age=60", "vary: accept, *"]],
    // The library is stricter here than it would have to be.
    [["cache-control: max-age=60, must-revalidate"]],
    [["last-modified: Thu, 01 Jan 2015 00:00:00 GMT"]],
    [['etag: "1"']],
    [["expires: 0"]],
  ])("but not when it says %j", async (headers) => {
    expect(await isKept(headers)).toBe(false);
  });

  it("as long as it is fresh, and with its age", async () => {
    const place = newPlace();
    const ctx = caller();
    const url = keeping(place, "cache-control: max-age=60", "set-cookie: a=1", "x-a: 1");
    const ask = () => place.call(ctx, url, { request: CACHED });
    const first = await ask();
    clock.pass(59 * SECOND);
    const { answer } = await ask();
    expect(answer).toMatchObject({ status: 200, cached: true, attempts: 0, durationMs: 0 });
    expect(answer?.body).toEqual(first.answer?.body);
    expect(answer?.headers.get("age")).toBe("59");
    expect(answer?.headers.get("x-a")).toBe("1");
    expect(answer?.headers.has("set-cookie")).toBe(false);
    clock.pass(SECOND);
    expect((await ask()).answer?.cached).toBe(false);
    expect(await place.seen()).toHaveLength(2);
  });

  it("even while the breaker is open and the rate is used up", async () => {
    const place = newPlace({ ratePerSecond: 1 });
    const ctx = caller();
    const url = keeping(place, "cache-control: max-age=60");
    await place.call(ctx, url, { request: CACHED });
    const line = { order: { mode: "forced_open", version: 2 } } as const;
    const { answer } = await place.call(ctx, url, { request: CACHED, line });
    expect(answer?.cached).toBe(true);
    const other = await place.call(ctx, place.url("echo"), { request: CACHED, line });
    expect(other.failure?.code).toBe("circuit-open");
  });
});

describe("an answer is nobody else's", () => {
  const fresh = ["cache-control: max-age=60"];

  it.each([
    ["another credential", { cacheAs: "credential-2" }],
    ["no leave to keep it", { cacheAs: null }],
    ["another method", { method: "HEAD" }],
    ["a header of the application", asking({ "x-user": "2" })],
    ["a part of it", asking({ range: "bytes=0-1" })],
    ["a change since", asking({ "if-none-match": '"1"' })],
    ["a fresh one", asking({ "cache-control": "no-cache" })],
  ])("who asks with %s gets another", async (_, second) => {
    expect(await isKept(fresh, {}, second)).toBe(false);
  });

  it("and the credential is no part of what is kept", async () => {
    const request = { ...CACHED, credential: ["x-api-key", "canary-secret"] as const };
    const varying = [...fresh, "vary: x-api-key"];
    expect(await isKept(varying, request, { ...request, credential: ["x-api-key", "b"] })).toBe(
      true,
    );
    const cache = createAnswerCache();
    const place = newPlace();
    const kept: string[] = [];
    const remember: typeof cache.remember = (owner, asked, reply) => {
      kept.push(JSON.stringify([owner, [...asked.headers], [...reply.headers]]));
      cache.remember(owner, asked, reply);
    };
    const means = { cache: { ...cache, remember } };
    await place.call(caller(), keeping(place, ...varying), { request, means });
    expect(kept).toHaveLength(1);
    expect(kept[0]).not.toContain("canary-secret");
    expect((await place.seen())[0]?.headers["x-api-key"]).toBe("canary-secret");
  });

  it("not another tenant's, service's or URL's", async () => {
    const place = newPlace();
    const other = newPlace();
    const ctx = caller();
    const url = keeping(place, ...fresh);
    await place.call(ctx, url, { request: CACHED });
    const longer = new URL(url);
    longer.searchParams.append("page", "2");
    for (const reply of [
      await place.call(caller(), url, { request: CACHED }),
      await other.call(ctx, url, { request: CACHED }),
      await place.call(ctx, longer, { request: CACHED }),
    ]) {
      expect(reply.answer?.cached).toBe(false);
    }
    expect((await place.call(ctx, url, { request: CACHED })).answer?.cached).toBe(true);
  });

  it("nor of those who asked for another language, if it varies", async () => {
    const varying = [...fresh, "vary: Accept-Language"];
    const [en, de] = [asking({ "accept-language": "en" }), asking({ "accept-language": "de" })];
    expect(await isKept(varying, en, de)).toBe(false);
    expect(await isKept(varying, en, en)).toBe(true);
    expect(await isKept(fresh, en, de)).toBe(true);
  });

  it("nor of a request that may not be kept, or came another way", async () => {
    expect(await isKept(fresh, asking({ "cache-control": "no-store" }))).toBe(false);
    expect(await isKept(fresh, { method: "POST" })).toBe(false);
    expect(await isKept(fresh, { method: "HEAD" })).toBe(false);
    const place = newPlace();
    const ctx = caller();
    const url = place.url("redirect", { to: keeping(place, ...fresh).href });
    for (let nth = 0; nth < 2; nth++) {
      expect((await place.call(ctx, url, { request: CACHED })).answer?.cached).toBe(false);
    }
    expect(await place.seen()).toHaveLength(4);
  });
});

describe("a change", () => {
  it.each([
    [200, false],
    [303, false],
    [400, true],
    [500, true],
  ])("that is answered %i: what was kept is still given is %s", async (status, kept) => {
    const place = newPlace({ followRedirects: false });
    const ctx = caller();
    const cache = createAnswerCache();
    const url = keeping(place, "cache-control: max-age=60");
    const ask = (method: string, to: URL) =>
      place.call(ctx, to, { request: { ...CACHED, method }, means: { cache } });
    await ask("GET", url);
    const owner = JSON.stringify([ctx.realm.id, place.line.key]);
    const change = { method: "PUT", url, headers: new Headers(), body: null, repeatable: true };
    const reply = {
      status,
      headers: new Headers(),
      body: new Uint8Array(),
      redirected: false,
      isCut: false,
    };
    cache.remember(owner, { ...change, ...CACHED }, reply);
    expect((await ask("GET", url)).answer?.cached).toBe(kept);
  });

  it("through the client makes the next answer a fresh one", async () => {
    const place = newPlace();
    const ctx = caller();
    const url = keeping(place, "cache-control: max-age=60");
    const ask = async (method: string) =>
      (await place.call(ctx, url, { request: { ...CACHED, method } })).answer?.cached;
    expect(await ask("GET")).toBe(false);
    expect(await ask("GET")).toBe(true);
    expect(await ask("DELETE")).toBe(false);
    expect(await ask("GET")).toBe(false);
  });
});

describe("what is kept is bounded", () => {
  const LIMITS = { bytes: 100_000, urls: 3, variants: 2, bodyBytes: 40_000 };
  const reply = (bytes: number, extra: Record<string, string> = {}) => ({
    status: 200,
    headers: new Headers({ "cache-control": "max-age=60", ...extra }),
    body: new Uint8Array(bytes),
    redirected: false,
    isCut: false,
  });
  const get = (name: string, headers: Record<string, string> = {}): OutboundRequest => ({
    method: "GET",
    url: new URL(`https://api.example.com/${name}`),
    headers: new Headers(headers),
    body: null,
    repeatable: true,
    ...CACHED,
  });
  function filled(bytes: number, ...names: string[]) {
    const cache = createAnswerCache(LIMITS);
    for (const name of names) cache.remember("one", get(name), reply(bytes));
    const has = (name: string) => cache.recall("one", get(name)) !== null;
    return { cache, has };
  }

  it("in URLs: what was idle longest goes", () => {
    const { cache, has } = filled(10, "a", "b", "c");
    expect(has("a")).toBe(true);
    cache.remember("one", get("d"), reply(10));
    expect(["a", "b", "c", "d"].filter(has)).toEqual(["a", "c", "d"]);
  });

  it("in bytes", () => {
    const { cache, has } = filled(30_000, "a", "b", "c");
    expect(["a", "b", "c"].filter(has)).toEqual(["a", "b", "c"]);
    cache.remember("one", get("c"), reply(39_000));
    expect(["a", "b", "c"].filter(has)).toEqual(["b", "c"]);
  });

  it("in bytes, which are given back with what goes", () => {
    const { cache, has } = filled(30_000, ..."abcabcabcabc");
    expect(["a", "b", "c"].filter(has)).toEqual(["a", "b", "c"]);
    const change = { ...get("a"), method: "DELETE" };
    for (let nth = 0; nth < 10; nth++) cache.remember("one", change, reply(0));
    cache.remember("one", get("d"), reply(30_000));
    expect(["a", "b", "c", "d"].filter(has)).toEqual(["b", "c", "d"]);
  });

  it("in the length of a body", () => {
    const { cache, has } = filled(40_000, "a");
    expect(has("a")).toBe(true);
    cache.remember("one", get("b"), reply(40_001));
    expect(has("b")).toBe(false);
  });

  it("to whole answers", () => {
    const { cache, has } = filled(10, "a");
    cache.remember("one", get("b"), { ...reply(10), isCut: true });
    expect(["a", "b"].filter(has)).toEqual(["a"]);
  });

  it("in variants of one URL", () => {
    const cache = createAnswerCache(LIMITS);
    const languages = ["en", "de", "fr"];
    const ask = (language: string) => get("a", { "accept-language": language });
    for (const language of languages) {
      cache.remember("one", ask(language), reply(10, { vary: "accept-language" }));
    }
    const kept = languages.filter((language) => cache.recall("one", ask(language)));
    expect(kept).toEqual(["de", "fr"]);
  });
});

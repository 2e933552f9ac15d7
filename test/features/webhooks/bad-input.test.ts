/**
 * What bad input gets: an answer that says what is wrong, and nothing stored but a count of it, with
 * its reason.
 */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { SchemeName } from "../../../src/platform/signatures/index.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { SECOND } from "../../support/clock.ts";
import { kept, turnedAway } from "../../support/turned-away.ts";
import {
  addService,
  deliver,
  eventOf,
  eventually,
  post,
  received,
  type SignedDelivery,
  signed,
  type TestService,
} from "../../support/webhooks.ts";
import { openWorker } from "../../support/worker.ts";

const MIB = 1_048_576;

let acme: TestTenant;
const services = new Map<SchemeName, TestService>();
const USED = ["generic", "hmac-body", "stripe", "svix", "github", "zendesk"] as const;
type Used = (typeof USED)[number];
const serviceOf = (scheme: Used) => services.get(scheme) as TestService;
beforeAll(async () => {
  acme = await newTenant();
  for (const scheme of USED) services.set(scheme, await addService(acme, scheme));
});
afterEach(() => {
  vi.useRealTimers();
});

let made = 0;
const fresh = () => `evt-${++made}`;
const genuine = (scheme: Used, at?: number) => {
  const service = serviceOf(scheme);
  const id = fresh();
  return signed(service, eventOf(service, id), { id, ...(at === undefined ? {} : { at }) });
};

/** The delivery's headers with one of them changed; undefined takes it away. */
function withHeader(
  { url, headers, body }: SignedDelivery,
  name: string,
  change: (text: string) => string | undefined,
): SignedDelivery {
  const found = headers[name];
  if (found === undefined) throw new Error(`There is no header ${name}.`);
  const { [name]: _, ...others } = headers;
  const changed = change(found);
  return { url, body, headers: changed === undefined ? others : { ...others, [name]: changed } };
}

const SIGNATURE: Readonly<Record<Used, string>> = {
  generic: "x-signature",
  "hmac-body": "x-signature",
  stripe: "stripe-signature",
  svix: "svix-signature",
  github: "x-hub-signature-256",
  zendesk: "x-zendesk-webhook-signature",
};

describe("a signature header", () => {
  const times = (count: number, entry: string, separator: string) =>
    Array.from({ length: count }, () => entry).join(separator);

  it.each<[string, Used, (text: string) => string | undefined, string]>([
    ["missing", "generic", () => undefined, "signature-missing"],
    ["missing", "stripe", () => undefined, "signature-missing"],
    ["empty", "github", () => "", "signature-missing"],
    ["truncated", "generic", (text) => text.slice(0, -1), "signature-malformed"],
    ["truncated", "stripe", (text) => text.slice(0, -2), "signature-malformed"],
    ["truncated", "svix", (text) => text.slice(0, -4), "signature-malformed"],
    ["without its tag", "github", (text) => text.slice("sha256=".length), "signature-malformed"],
    ["of another letter", "generic", (text) => `${text.slice(0, -2)}zz`, "signature-malformed"],
    ["of another message", "generic", (text) => text.replace(/=../, "=00"), "signature-mismatch"],
    ["doubled", "generic", (text) => `${text}, ${text}`, "signature-malformed"],
    ["doubled", "github", (text) => `${text}, ${text}`, "signature-malformed"],
    ["with two times", "stripe", (text) => `t=1,${text}`, "signature-malformed"],
    ["of an old version", "stripe", (text) => text.replace("v1=", "v0="), "signature-malformed"],
    ["of 1,000 entries", "generic", (text) => times(1_000, text, ","), "signature-malformed"],
    ["of 1,000 entries", "svix", (text) => times(1_000, text, " "), "too-many-signatures"],
    [
      "of 1,000 entries",
      "stripe",
      (text) => `${text}${times(999, `,v1=${"0".repeat(64)}`, "")}`,
      "too-many-signatures",
    ],
    ["of 21 entries", "svix", (text) => times(21, text, " "), "too-many-signatures"],
    ["that says null", "generic", () => "null", "signature-malformed"],
  ])("%s: %s", async (_, scheme, change, reason) => {
    const delivery = withHeader(await genuine(scheme), SIGNATURE[scheme], change);
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-signature",
      rejection: `${serviceOf(scheme).slug} ${reason}`,
    });
  });

  it.each(USED)("made with another secret: %s", async (scheme) => {
    const forger = { ...serviceOf(scheme), secret: "whsec_Zm9yZ2Vk" };
    const delivery = await signed(forger, eventOf(forger, fresh()));
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-signature",
      rejection: `${forger.slug} signature-mismatch`,
    });
  });

  it.each<[Used, Used, string]>([
    ["stripe", "generic", "signature-missing"],
    ["hmac-body", "generic", "timestamp-missing"],
    ["github", "svix", "signature-missing"],
    ["generic", "hmac-body", "signature-mismatch"],
    ["zendesk", "github", "signature-missing"],
  ])("of %s, where %s is spoken", async (spoken, wanted, reason) => {
    const { headers, body } = await genuine(spoken);
    const { slug, url } = serviceOf(wanted);
    await turnedAway(acme, () => deliver({ url, headers, body }), {
      status: 401,
      problem: reason.startsWith("timestamp") ? "invalid-timestamp" : "invalid-signature",
      rejection: `${slug} ${reason}`,
    });
  });

  it("of another body", async () => {
    const { url, headers } = await genuine("stripe");
    const { body } = await genuine("stripe");
    await turnedAway(acme, () => deliver({ url, headers, body }), {
      status: 401,
      problem: "invalid-signature",
      rejection: `${serviceOf("stripe").slug} signature-mismatch`,
    });
  });

  it("without the id that it signs", async () => {
    const delivery = withHeader(await genuine("svix"), "svix-id", () => undefined);
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-signature",
      rejection: `${serviceOf("svix").slug} id-missing`,
    });
  });
});

describe("a signed time", () => {
  const TIME = {
    generic: "x-timestamp",
    svix: "svix-timestamp",
    zendesk: "x-zendesk-webhook-signature-timestamp",
  };

  it.each<[string, number, Used, string | null]>([
    ["301 s old", -301, "generic", "timestamp-stale"],
    ["301 s old", -301, "stripe", "timestamp-stale"],
    ["301 s old", -301, "zendesk", "timestamp-stale"],
    ["301 s ahead", 301, "svix", "timestamp-ahead"],
    ["301 s ahead", 301, "stripe", "timestamp-ahead"],
    ["301 s ahead", 301, "zendesk", "timestamp-ahead"],
    ["300 s old, which is good", -300, "stripe", null],
    ["300 s ahead, which is good", 300, "zendesk", null],
  ])("%s", async (_, off, scheme, reason) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const delivery = await genuine(scheme, Date.now() + off * SECOND);
    if (reason === null) {
      expect((await deliver(delivery)).status).toBe(202);
      return;
    }
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-timestamp",
      rejection: `${serviceOf(scheme).slug} ${reason}`,
    });
  });

  it.each<[string, "generic" | "svix" | "zendesk", (text: string) => string]>([
    ["negative", "generic", () => "-1"],
    ["negative", "svix", (text) => `-${text}`],
    ["not a number", "generic", () => "soon"],
    ["not a number", "svix", () => "NaN"],
    ["in milliseconds", "generic", (text) => `${text}000`],
    ["in milliseconds", "svix", (text) => `${text}000`],
    ["with a fraction", "generic", (text) => `${text}.5`],
    ["with an exponent", "generic", () => "1e9"],
    ["in seconds, where a date is spoken", "zendesk", () => "1750000000"],
    ["a day that there is not", "zendesk", () => "2026-02-30T00:00:00Z"],
  ])("%s: %s", async (_, scheme, change) => {
    const delivery = withHeader(await genuine(scheme), TIME[scheme], change);
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-timestamp",
      rejection: `${serviceOf(scheme).slug} timestamp-malformed`,
    });
  });

  it.each([
    ["negative", "t=-1,"],
    ["not a number", "t=x,"],
    ["in milliseconds", "t=1750000000000,"],
  ])("%s, among the signatures", async (_, time) => {
    const change = (text: string) => text.replace(/^t=\d+,/, time);
    const delivery = withHeader(await genuine("stripe"), SIGNATURE.stripe, change);
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-timestamp",
      rejection: `${serviceOf("stripe").slug} timestamp-malformed`,
    });
  });

  it("that nobody sent", async () => {
    const delivery = withHeader(await genuine("svix"), TIME.svix, () => undefined);
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-timestamp",
      rejection: `${serviceOf("svix").slug} timestamp-missing`,
    });
  });
});

describe("what was accepted and comes again", () => {
  it("changes nothing while its time is near, and is turned away when it is not", async () => {
    // The clock is set by this alone: it goes on with each look of whoever waits.
    const signedAt = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: signedAt });
    const delivery = await genuine("generic");
    const first = await deliver(delivery);
    expect(first.status).toBe(202);
    await eventually(acme, first.json.event_id, "completed");
    const before = await kept(acme);
    vi.setSystemTime(signedAt + 300 * SECOND);
    const again = await deliver(delivery);
    expect([again.status, again.json]).toEqual([
      200,
      { status: "duplicate", event_id: first.json.event_id },
    ]);
    expect((await kept(acme)).stored).toEqual(before.stored);
    vi.setSystemTime(signedAt + 301 * SECOND);
    await turnedAway(acme, () => deliver(delivery), {
      status: 401,
      problem: "invalid-timestamp",
      rejection: `${serviceOf("generic").slug} timestamp-stale`,
    });
  });

  it("under another id that nobody signed changes nothing", async () => {
    const delivery = await genuine("github");
    const first = await deliver(delivery);
    await eventually(acme, first.json.event_id, "completed");
    const before = await kept(acme);
    const again = await deliver(withHeader(delivery, "x-github-delivery", () => "another"));
    expect([again.status, again.json]).toEqual([
      200,
      { status: "duplicate", event_id: first.json.event_id },
    ]);
    expect((await kept(acme)).stored).toEqual(before.stored);
  });

  it("with its id and another body is kept apart, and says so", async () => {
    const service = serviceOf("stripe");
    const id = fresh();
    const replies = [await post(service, id), await post(service, id, "order.paid")];
    expect(replies.map(({ status, json }) => [status, json.status])).toEqual([
      [202, "accepted"],
      [202, "accepted"],
    ]);
    const [, second] = await Promise.all(replies.map(({ json }) => received(acme, json.event_id)));
    expect(second).toMatchObject({ provider_id: id, conflicting: true });
  });
});

describe("a body", () => {
  const bytes = (length: number) => new Uint8Array(length).fill(0x20);
  const bad = (problem: string, scheme: Used = "generic") => ({
    status: 400,
    problem,
    rejection: `${serviceOf(scheme).slug} malformed-body`,
  });

  it("of nothing", async () => {
    for (const contentType of ["application/json", "text/plain"]) {
      const delivery = await signed(serviceOf("generic"), "", { contentType });
      await turnedAway(acme, () => deliver(delivery), bad("malformed-request"));
    }
  });

  it.each([
    ["10,000 levels deep", "[".repeat(10_000) + "]".repeat(10_000)],
    ["65 levels deep", "[".repeat(65) + "]".repeat(65)],
    ["with a name twice", '{"id":"a","id":"b"}'],
    ["with a name twice, once with escapes", String.raw`{"id":"a","\u0069d":"b"}`],
    ["with half of a surrogate pair", String.raw`{"id":"\ud83d"}`],
    ["with half of a surrogate pair in a name", String.raw`{"\ud83d":1}`],
    ["with the name __proto__", '{"id":"a","data":{"__proto__":{"admin":true}}}'],
    ["that is no JSON", "{'id': 1}"],
    ["that is half of a document", '{"id":'],
    ["that is no UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
    ["with a byte order mark", "\ufeff{}"],
  ])("%s", async (_, body) => {
    const delivery = await signed(serviceOf("stripe"), body);
    const reply = await turnedAway(acme, () => deliver(delivery), bad("malformed-json", "stripe"));
    expect(reply.json.detail).toMatch(/^The body /);
  });

  it.each([
    ["that looks like JSON and is none", "{'id': 1}", "text/plain"],
    ["that looks like a list and is none", " \n[1,]", "application/x-www-form-urlencoded"],
    ["of JSON with a byte order mark", '\ufeff{"id":1}', "text/plain"],
    ["with a name twice", '{"id":"a","id":"b"}', "application/octet-stream"],
    ["that is said to be JSON and is a form", "id=1", "application/json"],
    ["that is said to be JSON and is prose", "it is 1", "application/vnd.acme+json; charset=utf-8"],
  ])("%s", async (_, body, contentType) => {
    const delivery = await signed(serviceOf("generic"), body, { contentType });
    await turnedAway(acme, () => deliver(delivery), bad("malformed-json"));
  });

  it("that neither is JSON nor says so is stored as it is", async () => {
    for (const body of ["it is 1", "\ufeffit is 2", "id: 3"]) {
      const delivery = await signed(serviceOf("generic"), body, { contentType: "text/plain" });
      expect((await deliver(delivery)).status, body).toBe(202);
    }
  });

  it("of 1 MiB is stored, of one byte more is turned away", async () => {
    const service = serviceOf("generic");
    const most = await signed(service, bytes(MIB), { contentType: "text/plain" });
    const accepted = await deliver(most);
    expect(accepted.status, accepted.text).toBe(202);
    expect(await received(acme, accepted.json.event_id)).toMatchObject({ size: MIB });
    const more = await signed(service, bytes(MIB + 1), { contentType: "text/plain" });
    const tooLarge = {
      status: 413,
      problem: "content-too-large",
      rejection: `${service.slug} content-too-large`,
    };
    await turnedAway(acme, () => deliver(more), tooLarge);
    await turnedAway(acme, () => deliver(more, inChunks(more.body)), tooLarge);
    // Size comes before the signature: nobody computes over what is too large.
    const forged = await signed({ ...service, secret: "another" }, bytes(MIB + 1));
    await turnedAway(acme, () => deliver(forged, inChunks(forged.body)), tooLarge);
  });

  it("is not read where the headers tell that it is nobody's", async () => {
    const service = serviceOf("generic");
    const worker = openWorker({});
    const { headers } = await genuine("generic");
    for (const [sent, reason] of [
      [{}, "signature-missing"],
      [{ ...headers, "x-signature": "none" }, "signature-malformed"],
      [{ "x-signature": String(headers["x-signature"]) }, "timestamp-missing"],
    ] as const) {
      const { raw, pulled } = inChunks(bytes(MIB));
      await turnedAway(acme, () => worker.call("POST", service.url, { raw, headers: sent }), {
        status: 401,
        problem: reason.startsWith("timestamp") ? "invalid-timestamp" : "invalid-signature",
        rejection: `${service.slug} ${reason}`,
      });
      // A stream fetches one piece before anybody asks.
      expect(pulled(), reason).toBeLessThanOrEqual(1);
    }
  });

  it("is no larger than its service says", async () => {
    const service = await addService(acme, "generic", { max_payload_bytes: 100 });
    const sized = (length: number) => signed(service, bytes(length), { contentType: "text/plain" });
    expect((await deliver(await sized(100))).status).toBe(202);
    const delivery = await sized(101);
    await turnedAway(acme, () => deliver(delivery), {
      status: 413,
      problem: "content-too-large",
      rejection: `${service.slug} content-too-large`,
    });
  });

  /** The bytes as a stream, which announces no length. */
  function inChunks(body: Uint8Array, size = 65_536) {
    let at = 0;
    const pulled = () => at / size;
    const raw = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= body.byteLength) return controller.close();
        controller.enqueue(body.slice(at, at + size));
        at += size;
      },
    });
    return { raw, pulled };
  }
});

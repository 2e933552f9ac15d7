/** Each way of signing, from the sender's request to the event as its tenant sees it. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { payloadKind, readPayload } from "../../../src/features/webhooks/payload.ts";
import {
  identify,
  SCHEME_NAMES,
  type SchemeName,
  sampleBody,
} from "../../../src/platform/signatures/index.ts";
import { call, newTenant, problemOf, type Reply, type TestTenant } from "../../support/client.ts";
import { holds } from "../../support/property.ts";
import {
  addService,
  deliver,
  eventually,
  received,
  SECRET,
  signed,
  type TestService,
} from "../../support/webhooks.ts";
import { databaseOfTenant, firstValue } from "../../support/worker.ts";

const TYPE = "order.placed";
/** Ids of these are in headers that nobody signed. */
const UNSIGNED_IDS: readonly SchemeName[] = ["github", "shopify", "twilio", "zendesk"];
const SIGNED_HEADER_IDS: readonly SchemeName[] = ["standard-webhooks", "svix"];

let tenant: TestTenant;
const services = new Map<SchemeName, TestService>();
beforeAll(async () => {
  tenant = await newTenant();
  for (const scheme of SCHEME_NAMES) services.set(scheme, await addService(tenant, scheme));
});

/** Sends an event as its provider does: `id` in the request, `about` in the body. */
function send(scheme: SchemeName, id: string, about: string, idInBody = id): Promise<Reply> {
  const service = services.get(scheme) as TestService;
  const event = { id: idInBody, type: TYPE, data: { about, note: "ä \u{1f600}" } };
  const { body, contentType } = sampleBody(service.settings, event);
  return signed(service, body, { id, type: TYPE, contentType }).then(deliver);
}
const receiptOf = ({ status, json }: Reply) => [status, json];
const accepted = [202, { status: "accepted", event_id: expect.stringMatching(/^whevent_/) }];
const duplicateOf = (first: Reply) => [200, { status: "duplicate", event_id: first.json.event_id }];

describe.each(SCHEME_NAMES)("%s", (scheme) => {
  it("is accepted once, and takes effect", async () => {
    const first = await send(scheme, "evt-1", "one");
    expect(receiptOf(first)).toEqual(accepted);
    expect(receiptOf(await send(scheme, "evt-1", "one"))).toEqual(duplicateOf(first));
    const event = await eventually(tenant, first.json.event_id, "completed");
    expect(event).toMatchObject({
      service: services.get(scheme)?.slug,
      type: TYPE,
      provider_id: "evt-1",
      conflicting: false,
      test: false,
    });
    expect(receiptOf(await send(scheme, "evt-1", "one"))).toEqual(duplicateOf(first));
  });

  it("with the same id and another body is another event, in conflict with the first", async () => {
    const first = await send(scheme, "evt-2", "two");
    const second = await send(scheme, "evt-2", "other");
    expect(receiptOf(second)).toEqual(accepted);
    expect(second.json.event_id).not.toBe(first.json.event_id);
    expect(await received(tenant, first.json.event_id)).toMatchObject({ conflicting: false });
    expect(await received(tenant, second.json.event_id)).toMatchObject({
      conflicting: true,
      provider_id: "evt-2",
    });
    for (const [about, reply] of Object.entries({ two: first, other: second })) {
      expect(receiptOf(await send(scheme, "evt-2", about))).toEqual(duplicateOf(reply));
    }
  });
});

it.each(UNSIGNED_IDS)(
  "%s: a body under another id, which nobody signed, is the same",
  async (scheme) => {
    const first = await send(scheme, "evt-3", "three");
    expect(receiptOf(first)).toEqual(accepted);
    expect(receiptOf(await send(scheme, "evt-4", "three", "evt-3"))).toEqual(duplicateOf(first));
  },
);

it.each(SIGNED_HEADER_IDS)(
  "%s: a body under another signed id is another event",
  async (scheme) => {
    const first = await send(scheme, "evt-3", "three");
    const second = await send(scheme, "evt-4", "three", "evt-3");
    expect(receiptOf(second)).toEqual(accepted);
    expect(second.json.event_id).not.toBe(first.json.event_id);
    const event = await received(tenant, second.json.event_id);
    expect(event).toMatchObject({ provider_id: "evt-4", conflicting: false });
  },
);

describe("the Content-Type, which nobody signs, changes nothing", () => {
  const TYPES = [
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "",
  ];
  const bodyOf = (scheme: SchemeName, id: string) =>
    sampleBody((services.get(scheme) as TestService).settings, {
      id,
      type: TYPE,
      data: { about: id, note: "a=b&c=d" },
    });
  const effects = async (id: string) => {
    const { json } = await call("GET", `${tenant.api}/events?source_id=${id}`, {
      token: tenant.admin.token,
    });
    return json.data.map(({ event_type }: { event_type: string }) => event_type);
  };

  /** Sends the same bytes and headers under each type, one after the other, then all at once. */
  async function sendUnderAll(scheme: SchemeName, types: readonly string[]) {
    const service = services.get(scheme) as TestService;
    for (const first of types) {
      const id = `typed-${first}`;
      const { body, contentType } = bodyOf(scheme, id);
      const delivery = await signed(service, body, { id, type: TYPE, contentType });
      const as = (type: string) => deliver(delivery, { headers: { "content-type": type } });
      const accepted = await as(first);
      expect([first, accepted.status], accepted.text).toEqual([first, 202]);
      for (const type of types) expect(receiptOf(await as(type))).toEqual(duplicateOf(accepted));
      const { event_id } = accepted.json;
      const event = await eventually(tenant, event_id, "completed");
      expect(event).toMatchObject({ type: TYPE, provider_id: id, conflicting: false });
      expect(await effects(event_id)).toEqual([TYPE]);
    }
    const { body, contentType } = bodyOf(scheme, "typed-at-once");
    const delivery = await signed(service, body, { id: "typed-at-once", type: TYPE, contentType });
    const replies = await Promise.all(
      types.map((type) => deliver(delivery, { headers: { "content-type": type } })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([
      ...types.slice(1).map(() => 200),
      202,
    ]);
    const ids = new Set(replies.map(({ json }) => json.event_id as string));
    expect(ids.size).toBe(1);
    const [id] = [...ids];
    await eventually(tenant, id as string, "completed");
    expect(await effects(id as string)).toEqual([TYPE]);
  }

  it.each<SchemeName>(["generic", "hmac-body", "github", "slack", "shopify", "zendesk"])(
    "%s: JSON is JSON",
    (scheme) => sendUnderAll(scheme, TYPES),
  );

  it("twilio: a form is a form, and only refused where it is called JSON", async () => {
    const [json, ...others] = TYPES;
    await sendUnderAll("twilio", others);
    const { body, contentType } = bodyOf("twilio", "typed");
    const twilio = services.get("twilio") as TestService;
    const delivery = await signed(twilio, body, { id: "typed", contentType });
    const reply = await deliver(delivery, { headers: { "content-type": String(json) } });
    expect([reply.status, problemOf(reply)]).toEqual([400, "malformed-json"]);
    expect(receiptOf(await deliver(delivery))).toEqual(accepted);
  });

  it("whatever a body is: it is read alike, or refused", async () => {
    const words = fc.constantFrom(
      "{",
      "[",
      '"',
      "=",
      "&",
      "<",
      " ",
      "\n",
      "\ufeff",
      "id",
      "1",
      "}",
      "]",
      ":",
    );
    const text = fc.oneof(
      fc.json(),
      fc.array(words, { maxLength: 12 }).map((some) => some.join("")),
    );
    const bytes = fc.oneof(
      text.map((some) => new TextEncoder().encode(some)),
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
    );
    const said = (type: string, body: Uint8Array) => {
      const settings = { scheme: "generic" } as const;
      try {
        const payload = readPayload(payloadKind(settings, type, body), body);
        return JSON.stringify(identify(settings, { headers: new Headers() }, payload));
      } catch {
        return "refused";
      }
    };
    await holds("content types", [bytes], (body) => {
      const all = new Set(TYPES.slice(1).map((type) => said(type, body)));
      expect(all.size).toBe(1);
      expect([...all, "refused"]).toContain(said("application/json", body));
    });
  });

  it.each([
    ["a form", "event_id=typed-form&event_type=order.placed", TYPE, "typed-form"],
    ["XML", '<a b="&event_id=typed-xml&c="/>', "unknown", null],
    ["prose", "what it is&event_id=typed-prose", "unknown", null],
    ["a text in JSON", '"&event_id=typed-text"', "unknown", null],
    ["bytes", Uint8Array.of(0x61, 0xff, 0x3d), "unknown", null],
  ])("generic: %s is read as it looks", async (_, body, type, provider_id) => {
    const service = services.get("generic") as TestService;
    const delivery = await signed(service, body);
    const [, ...types] = TYPES;
    const as = (contentType: string) =>
      deliver(delivery, { headers: { "content-type": contentType } });
    const first = await as("text/plain");
    expect(receiptOf(first)).toEqual(accepted);
    for (const each of types) expect(receiptOf(await as(each))).toEqual(duplicateOf(first));
    const event = await received(tenant, first.json.event_id);
    expect(event).toMatchObject({ type, provider_id });
  });
});

describe("Slack's question", () => {
  const question = JSON.stringify({ token: "x", challenge: "3eZbrw1a", type: "url_verification" });
  const events = async () =>
    firstValue(await databaseOfTenant(tenant.slug), "SELECT count(*) FROM webhook_events");

  it("is answered when it is signed, and not kept", async () => {
    const before = await events();
    const reply = await deliver(await signed(services.get("slack") as TestService, question));
    expect(receiptOf(reply)).toEqual([200, { challenge: "3eZbrw1a" }]);
    expect(await events()).toBe(before);
  });

  it("is not answered when it is not", async () => {
    const slack = services.get("slack") as TestService;
    const unsigned = await call("POST", slack.url, { raw: question });
    expect([unsigned.status, problemOf(unsigned)]).toEqual([401, "invalid-signature"]);
    const forged = await deliver(await signed({ ...slack, secret: "another" }, question));
    expect(forged.status).toBe(401);
    expect(forged.text).not.toContain("3eZbrw1a");
  });

  it("is an event like others where another service sends it", async () => {
    const reply = await deliver(await signed(services.get("generic") as TestService, question));
    expect(receiptOf(reply)).toEqual(accepted);
  });
});

it("while a secret is rotated both are good; then the old one is not, where it was taken out", async () => {
  const service = await addService(tenant, "stripe");
  const rotated = { ...service, secret: `${SECRET}2` };
  const put = (...secrets: string[]) =>
    call("PUT", `${tenant.api}/services/${service.slug}`, {
      token: tenant.admin.token,
      body: { webhook: { scheme: "stripe", secrets } },
    });
  const statuses = async (id: string) =>
    Promise.all(
      [service, rotated].map(async (each, at) => {
        const { body } = sampleBody(each.settings, { id: `${id}.${at}`, type: TYPE, data: {} });
        return (await deliver(await signed(each, body))).status;
      }),
    );
  expect(await statuses("before")).toEqual([202, 401]);
  expect((await put(rotated.secret, SECRET)).status).toBe(200);
  expect(await statuses("meanwhile")).toEqual([202, 202]);
  expect((await put(rotated.secret)).status).toBe(200);
  expect(await statuses("after")).toEqual([401, 202]);
});

describe("a body is kept byte for byte", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const base64 = btoa(String.fromCharCode(...all));
  it.each([
    ["bytes that are no text", "application/octet-stream", all, "base64", base64],
    [
      "text",
      "text/plain; charset=utf-8",
      utf8("grüß\r\n\0\u{1f600}"),
      "utf-8",
      "grüß\r\n\0\u{1f600}",
    ],
    ["a byte order mark", "text/plain", utf8("\ufeffa"), "utf-8", "\ufeffa"],
    [
      "JSON, blanks and all",
      "application/json",
      utf8(' {"a" :\t1e2}\n'),
      "utf-8",
      ' {"a" :\t1e2}\n',
    ],
    ["a form", "application/x-www-form-urlencoded", utf8("b=1&a=%20+"), "utf-8", "b=1&a=%20+"],
  ])("%s", async (_, contentType, bytes, encoding, body) => {
    const reply = await deliver(
      await signed(services.get("generic") as TestService, bytes, { contentType }),
    );
    expect(receiptOf(reply)).toEqual(accepted);
    const { event_id } = reply.json;
    const event = await eventually(tenant, event_id, "completed");
    expect(event.payload).toEqual({ content_type: contentType, encoding, body });
    expect(event.size).toBe(bytes.byteLength);
    const hex = await firstValue<string>(
      await databaseOfTenant(tenant.slug),
      "SELECT hex(coalesce(bytes, CAST(text AS BLOB))) FROM webhook_payloads WHERE event_id = ?",
      event_id,
    );
    expect(hex.toLowerCase()).toBe(Buffer.from(bytes).toString("hex"));
  });
});

import { describe, expect, it } from "vitest";
import {
  challengeOf,
  identify,
  payloadFormat,
  SCHEME_NAMES,
  type SchemeName,
  sampleBody,
} from "../../../src/platform/signatures/index.ts";
import { CASES } from "./cases.ts";

type Row = readonly [
  scheme: SchemeName,
  headers: Readonly<Record<string, string>>,
  payload: unknown,
  id: string | null,
  idBesideBody: boolean,
  type: string,
];

const read = (scheme: SchemeName, headers: Readonly<Record<string, string>>, payload: unknown) =>
  identify(CASES[scheme].settings, { headers: new Headers(headers) }, payload);

const ROWS: readonly Row[] = [
  ["generic", {}, { event_id: "e", id: "i", event_type: "et", type: "t" }, "e", false, "et"],
  ["generic", {}, { id: "i", type: "t" }, "i", false, "t"],
  ["hmac-body", {}, { event_id: "e", event_type: "et" }, "e", false, "et"],
  ["hmac-body", {}, { id: "i", type: "t" }, null, false, "unknown"],
  ["standard-webhooks", { "webhook-id": "m" }, { type: "t", id: "i" }, "m", true, "t"],
  ["svix", { "svix-id": "m" }, { type: "t" }, "m", true, "t"],
  ["stripe", {}, { id: "evt_1", type: "charge.paid" }, "evt_1", false, "charge.paid"],
  ["github", { "X-GitHub-Delivery": "d", "X-GitHub-Event": "push" }, {}, "d", false, "push"],
  ["github", { "X-GitHub-Event": "issues" }, { action: "opened" }, null, false, "issues.opened"],
  ["github", {}, { action: "opened" }, null, false, "unknown"],
  ["slack", {}, { event_id: "Ev", type: "event_callback", event: { type: "m" } }, "Ev", false, "m"],
  ["slack", {}, { type: "app_rate_limited" }, null, false, "app_rate_limited"],
  [
    "shopify",
    { "X-Shopify-Event-Id": "e", "X-Shopify-Webhook-Id": "w", "X-Shopify-Topic": "orders/paid" },
    { id: 1 },
    "e",
    false,
    "orders/paid",
  ],
  ["shopify", { "X-Shopify-Webhook-Id": "w" }, {}, "w", false, "unknown"],
  ["twilio", { "I-Twilio-Idempotency-Token": "i" }, { EventType: "onX" }, "i", false, "onX"],
  ["twilio", {}, { Body: "hi" }, null, false, "message"],
  ["paddle", {}, { event_id: "e", event_type: "t" }, "e", false, "t"],
  ["square", {}, { event_id: "e", type: "t" }, "e", false, "t"],
  ["pagerduty", {}, { event: { id: "e", event_type: "t" } }, "e", false, "t"],
  ["pagerduty", {}, { id: "e", event_type: "t", event: [] }, null, false, "unknown"],
  ["zendesk", { "X-Zendesk-Webhook-Invocation-Id": "z" }, { type: "t" }, "z", false, "t"],
];

describe("identity", () => {
  it("is tested for every scheme", () => {
    expect(new Set(ROWS.map(([scheme]) => scheme))).toEqual(new Set(SCHEME_NAMES));
  });

  it.each(ROWS)("of %s with %j and %j", (scheme, headers, payload, id, idBesideBody, type) => {
    expect(read(scheme, headers, payload)).toEqual({ id, idBesideBody, type });
  });

  it.each([undefined, null, "text", 7, true, [], [{ event_id: "e" }], {}])(
    "of a payload that is %j is nothing",
    (payload) => {
      const nothing = { id: null, idBesideBody: false, type: "unknown" };
      expect(read("generic", {}, payload)).toEqual(nothing);
      expect(read("pagerduty", {}, payload)).toEqual(nothing);
      expect(read("twilio", {}, payload)).toEqual({ ...nothing, type: "message" });
    },
  );

  it("is not read from prototypes", () => {
    const heir = Object.create({ event_id: "e", event_type: "t" }) as unknown;
    expect(read("generic", {}, heir)).toEqual({ id: null, idBesideBody: false, type: "unknown" });
  });

  it.each([
    ["a number", 12, "12"],
    ["zero", 0, "0"],
    ["255 letters", "x".repeat(255), "x".repeat(255)],
    ["256 letters", "x".repeat(256), null],
    ["an empty text", "", null],
    ["half a letter", "\ud800", null],
    ["a number that is whole for certain", Number.MAX_SAFE_INTEGER, "9007199254740991"],
    ["a number that was rounded", JSON.parse("9007199254740993"), null],
    ["one that was rounded below zero", JSON.parse("-9007199254740993"), null],
    ["a text that SQLite cuts", "evt\u0000_1", null],
    ["a text with a line feed", "evt\n1", null],
    ["a text that ends in an escape", "evt\u001b", null],
    ["a text with a deletion", "evt\u007f", null],
    ["a text with a space and more", "evt ~é\u0080", "evt ~é\u0080"],
    ["infinity", Number.POSITIVE_INFINITY, null],
    ["no number", Number.NaN, null],
    ["a boolean", true, null],
    ["an object", { toString: () => "e" }, null],
    ["a list", ["e"], null],
  ])("takes %s for what it is", (_, value, id) => {
    const found = read("paddle", {}, { event_id: value, event_type: value });
    // As JSON, in which half a letter is escaped and can be reported.
    expect(JSON.stringify(found)).toBe(
      JSON.stringify({ id, idBesideBody: false, type: id ?? "unknown" }),
    );
  });

  it("counts an overlong header as absent, and goes on to the next", () => {
    const long = "x".repeat(256);
    const headers = { "X-Shopify-Event-Id": long, "X-Shopify-Webhook-Id": "w" };
    expect(read("shopify", headers, {})).toMatchObject({ id: "w" });
    expect(read("svix", { "svix-id": long }, {})).toMatchObject({ id: null, idBesideBody: false });
  });

  it("leaves out a suffix that makes the type too long", () => {
    const headers = { "X-GitHub-Event": "x".repeat(250) };
    expect(read("github", headers, { action: "four" }).type).toBe(`${"x".repeat(250)}.four`);
    expect(read("github", headers, { action: "fives" }).type).toBe("x".repeat(250));
  });
});

describe("the format of payloads", () => {
  it("is JSON by definition for some, and what the request says for the others", () => {
    const always = SCHEME_NAMES.filter((name) => payloadFormat(CASES[name].settings) === "json");
    expect(always).toEqual([
      "standard-webhooks",
      "svix",
      "stripe",
      "paddle",
      "square",
      "pagerduty",
    ]);
  });
});

describe("challenges", () => {
  const asked = { type: "url_verification", challenge: "3eZbrw1a", token: "old" };

  it("are answered for Slack and nobody else", () => {
    for (const scheme of SCHEME_NAMES) {
      const answer = scheme === "slack" ? "3eZbrw1a" : null;
      expect(challengeOf(CASES[scheme].settings, asked)).toBe(answer);
    }
  });

  it.each([
    undefined,
    null,
    [asked],
    { ...asked, type: "event_callback" },
    { type: "url_verification" },
    { ...asked, challenge: 7 },
    { ...asked, challenge: "" },
    { ...asked, challenge: "x".repeat(256) },
    Object.create(asked) as unknown,
  ])("are none in %j", (payload) => {
    expect(challengeOf({ scheme: "slack" }, payload)).toBeNull();
  });
});

describe("samples", () => {
  const event = { id: "evt_1", type: "a.b", data: { n: 1, type: "its own", action: "its own" } };
  const { n, type: own, action } = event.data;

  it.each<[SchemeName, unknown]>([
    ["generic", { event_id: "evt_1", event_type: "a.b", n, type: own, action }],
    ["hmac-body", { event_id: "evt_1", event_type: "a.b", n, type: own, action }],
    ["standard-webhooks", { type: "a.b", data: event.data }],
    ["svix", { type: "a.b", data: event.data }],
    ["stripe", { object: "event", id: "evt_1", type: "a.b", data: { object: event.data } }],
    ["github", { n, type: own, action: "b" }],
    ["slack", { type: "event_callback", event_id: "evt_1", event: { ...event.data, type: "a.b" } }],
    ["shopify", event.data],
    ["paddle", { event_id: "evt_1", event_type: "a.b", data: event.data }],
    ["square", { event_id: "evt_1", type: "a.b", data: event.data }],
    ["pagerduty", { event: { id: "evt_1", event_type: "a.b", data: event.data } }],
    ["zendesk", { n, action, type: "a.b" }],
  ])("of %s are such as the provider sends", (scheme, expected) => {
    const { body, contentType } = sampleBody(CASES[scheme].settings, event);
    expect(contentType).toBe("application/json");
    expect(JSON.parse(body)).toEqual(expected);
  });

  it("of Twilio are forms", () => {
    expect(sampleBody({ scheme: "twilio" }, event)).toEqual({
      body: "n=1&type=its+own&action=its+own&EventType=a.b",
      contentType: "application/x-www-form-urlencoded",
    });
  });

  it("of GitHub have no action but that of the type", () => {
    const { body } = sampleBody({ scheme: "github" }, { ...event, type: "push" });
    expect(JSON.parse(body)).toEqual({ n, type: own });
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toBase64, utf8 } from "../../../src/platform/crypto/encoding.ts";
import {
  identify,
  payloadFormat,
  SCHEME_NAMES,
  type SchemeName,
  type SignatureSettings,
  sampleBody,
  settingsFaults,
  sign,
  verify,
} from "../../../src/platform/signatures/index.ts";
import { holds } from "../../support/property.ts";
import { CASES } from "./cases.ts";

const BASE64_KEYS: readonly SchemeName[] = ["standard-webhooks", "svix"];
const word = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom(..."abcXYZ019_-"), minLength: 1, maxLength });
const host = "https://acme.rowhouse.test/webhooks/provider";
const url = fc.constantFrom(host, `${host}?a=1`, `${host}?q=%20x&q=2`, "http://localhost:8787/w");

/** Secrets that differ after HMAC's own padding of keys with zero bytes. */
const secretOf = (scheme: SchemeName) =>
  BASE64_KEYS.includes(scheme)
    ? fc.uint8Array({ minLength: 24, maxLength: 64, min: 1 }).map((key) => `whsec_${toBase64(key)}`)
    : fc.string({ minLength: 1, maxLength: 100 }).filter((text) => !text.includes("\0"));

const formBody = fc
  .array(fc.tuple(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), { maxLength: 6 })
  .map((pairs) =>
    utf8(
      new URLSearchParams(pairs.map(([a, b]) => [a.toWellFormed(), b.toWellFormed()])).toString(),
    ),
  );

const bodyOf = (scheme: SchemeName) => {
  const opaque = fc
    .uint8Array({ maxLength: 300 })
    .map((body) => ({ body, contentType: "application/json" }));
  const form = formBody.map((body) => ({ body, contentType: "application/x-www-form-urlencoded" }));
  return scheme === "twilio" ? fc.oneof(opaque, form) : opaque;
};

const settingsOf = (scheme: SchemeName) =>
  fc.constantFrom<SignatureSettings>(
    CASES[scheme].settings,
    ...(scheme === "twilio"
      ? [
          { scheme, notification_url: "https://public.example/sms" },
          { scheme, notification_url: "https://public.example:8443/sms?tenant=1" },
        ]
      : []),
  );

describe.each(SCHEME_NAMES)("%s", (scheme) => {
  it("verifies what it signs, and only with the secret and the body of that", async () => {
    const arbitraries = [
      settingsOf(scheme),
      secretOf(scheme),
      secretOf(scheme),
      bodyOf(scheme),
      url,
      word(40),
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
    ] as const;
    await holds(
      `${scheme}: sign, then verify`,
      [...arbitraries],
      async (settings, secret, other, { body, contentType }, target, id, now) => {
        expect(settingsFaults(settings, [secret, other])).toEqual([]);
        const message = { url: target, body, contentType, id, eventType: "a.b" };
        const sent = { ...(await sign(settings, secret, message, now)), body };
        expect(sent.headers.get("Content-Type")).toBe(contentType);
        expect(await verify(settings, [secret], sent, now)).toBeNull();
        expect(await verify(settings, [other, secret], sent, now)).toBeNull();
        const fault = secret === other ? null : "signature-mismatch";
        expect(await verify(settings, [other], sent, now)).toBe(fault);
        const longer = { ...sent, body: new Uint8Array([...body, 0x78]) };
        expect(await verify(settings, [secret], longer, now)).toBe("signature-mismatch");
      },
    );
  });

  it("finds id and type of a sample that it signed", async () => {
    const { settings } = CASES[scheme];
    const data = fc.dictionary(
      fc.constantFrom("id", "type", "event_id", "event", "action", "EventType", "data", "x", "é"),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const arbitraries = [
      secretOf(scheme),
      word(255),
      word(60),
      word(60),
      fc.boolean(),
      data,
    ] as const;
    await holds(
      `${scheme}: sample, sign, identify`,
      [...arbitraries],
      async (secret, id, first, second, dotted, about) => {
        const type = dotted ? `${first}.${second}` : first;
        const { body, contentType } = sampleBody(settings, { id, type, data: about });
        const message = { url: host, body: utf8(body), contentType, id, eventType: type };
        const sent = { ...(await sign(settings, secret, message, 0)), body: message.body };
        expect(await verify(settings, [secret], sent, 0)).toBeNull();
        if (payloadFormat(settings) === "json") expect(contentType).toBe("application/json");
        const payload: unknown = contentType.includes("json")
          ? JSON.parse(body)
          : Object.fromEntries(new URLSearchParams(body));
        expect(identify(settings, sent, payload)).toMatchObject({ id, type });
      },
    );
  });
});

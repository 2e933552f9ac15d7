import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/platform/crypto/digest.ts";
import { utf8 } from "../../../src/platform/crypto/encoding.ts";
import { type SignatureSettings, sign, verify } from "../../../src/platform/signatures/index.ts";

const SECRET = "12345";
const FORM = "application/x-www-form-urlencoded";
const settings: SignatureSettings = { scheme: "twilio" };

async function send(url: string, text: string, contentType = FORM, own = settings) {
  const body = utf8(text);
  const message = { url, body, contentType, id: "token", eventType: "message" };
  return { ...(await sign(own, SECRET, message, 0)), body };
}

type Sent = Awaited<ReturnType<typeof send>>;
const check = (sent: Sent, own = settings) => verify(own, [SECRET], sent, 0);

describe("Twilio's forms", () => {
  const url = "https://acme.test/webhooks/twilio";
  const same = async (one: string, other: string) =>
    check({ ...(await send(url, one)), body: utf8(other) });

  it("are signed by what they say, in any order and spelling", async () => {
    expect(await same("A=1&B=%2B2", "B=%2b2&A=1")).toBeNull();
    expect(await same("A=x+y", "A=x%20y")).toBeNull();
    expect(await same("A=1&A=2&A=1", "A=2&A=1")).toBeNull();
  });

  it.each([
    ["A=1&A=2", "A=1"],
    ["A=1", "a=1"],
    ["B=1&a=2", "a=1&B=2"],
    ["Body=hi", "Body&hi"],
    ["Body=hi", "Body=hi&"],
    ["Body=hi", "&Body=hi"],
    ["Body=a%20b", "Body=a b"],
    ["Body=%2B", "Body=%2"],
    ["Body=%2B", "Body=%zz"],
  ])("%j is not %j", async (one, other) => {
    expect(await same(one, other)).toBe("signature-mismatch");
  });

  it("keep the order of names apart from that of values", async () => {
    const body = "A=z&AB=1&A=b&a=0";
    const signed = createHmac("sha1", SECRET).update(`${url}AbAzAB1a0`).digest("base64");
    const headers = new Headers({ "X-Twilio-Signature": signed });
    expect(await check({ url, headers, body: utf8(body) })).toBeNull();
  });

  it("may have every byte, escaped or not", async () => {
    const escaped = Array.from(
      { length: 256 },
      (_, byte) => `%${byte.toString(16).padStart(2, "0")}`,
    );
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const hmac = createHmac("sha1", SECRET).update(`${url}A`).update(bytes);
    const headers = new Headers({ "X-Twilio-Signature": hmac.digest("base64") });
    expect(await check({ url, headers, body: utf8(`A=${escaped.join("")}`) })).toBeNull();
  });

  it("have 500 parameters at most", async () => {
    const form = (count: number) => Array.from({ length: count }, (_, n) => `P${n}=`).join("&");
    expect(await check(await send(url, form(500)))).toBeNull();
    await expect(send(url, form(501))).rejects.toThrow(TypeError);
    const { headers } = await send(url, form(500));
    const flood = { url, headers, body: utf8(`${form(500)}&P499=`) };
    expect(await check(flood)).toBe("signature-mismatch");
  });

  it("may be empty", async () => {
    expect(await check(await send(url, ""))).toBeNull();
  });

  it("cannot be signed when they are none", async () => {
    await expect(send(url, "no form")).rejects.toThrow(TypeError);
  });
});

describe("Twilio's JSON", () => {
  const url = "https://acme.test/webhooks/twilio";
  const json = "application/json";

  it("is signed through its digest in the URL", async () => {
    const digest = await sha256Hex("{}");
    expect((await send(url, "{}", json)).url).toBe(`${url}?bodySHA256=${digest}`);
    expect((await send(`${url}?a=1`, "{}", json)).url).toBe(`${url}?a=1&bodySHA256=${digest}`);
    expect(await check(await send(url, "{}", json))).toBeNull();
  });

  it("needs the digest whatever the Content-Type says", async () => {
    const sent = await send(url, "{}", json);
    expect(await check({ ...sent, body: utf8("{ }") })).toBe("signature-mismatch");
    expect(await check({ ...sent, url })).toBe("signature-mismatch");
    sent.headers.set("Content-Type", FORM);
    expect(await check({ ...sent, body: utf8("") })).toBe("signature-mismatch");
  });

  it.each([
    ["in upper case", (digest: string) => digest.toUpperCase(), "signature-mismatch"],
    ["cut short", (digest: string) => digest.slice(0, 62), "signature-mismatch"],
    ["empty", () => "", "signature-mismatch"],
    // A URL that says it twice vouches for nothing, and is that of an empty form.
    ["there twice", (digest: string) => `${digest}&bodySHA256=${digest}`, null],
  ])("is refused with a digest that is signed but %s", async (_, change, ofNothing) => {
    const called = `${url}?bodySHA256=${change(await sha256Hex("{}"))}`;
    const headers = new Headers({
      "X-Twilio-Signature": createHmac("sha1", SECRET).update(called).digest("base64"),
    });
    expect(await check({ url: called, headers, body: utf8("") })).toBe(ofNothing);
    expect(await check({ url: called, headers, body: utf8("{}") })).toBe("signature-mismatch");
  });
});

describe("Twilio's URL", () => {
  it.each([
    ["https://acme.test/t", "https://acme.test:443/t"],
    ["http://acme.test/t?a=1", "http://acme.test:80/t?a=1"],
    ["http://[::1]/t", "http://[::1]:80/t"],
    ["https://acme.test", "https://acme.test:443"],
  ])("%s may be signed with the port of its protocol", async (bare, full) => {
    for (const [signed, reached] of [
      [bare, full],
      [bare, bare],
    ] as const) {
      const sent = await send(signed, "A=1");
      expect(await check({ ...sent, url: reached })).toBeNull();
    }
    expect(await check({ ...(await send(bare, "A=1")), url: `${bare}x` })).toBe(
      "signature-mismatch",
    );
  });

  it.each([
    [
      "https://public.test/sms",
      "https://inside.test/webhooks/t?a=1",
      "https://public.test/sms?a=1",
    ],
    ["https://public.test/sms", "https://inside.test/webhooks/t", "https://public.test/sms"],
    ["https://public.test/sms?b=2", "https://inside.test/t?a=1", "https://public.test/sms?b=2"],
  ])("%s, with the request at %s, is called as %s", async (notification_url, reached, called) => {
    const own = { ...settings, notification_url };
    const sent = await send(called, "A=1");
    expect(await check({ ...sent, url: reached }, own)).toBeNull();
    expect(await check({ ...sent, url: reached })).toBe("signature-mismatch");
    expect(await check(await send(reached, "A=1", FORM, own), own)).toBeNull();
  });

  it("keeps the digest of JSON beside a query that was set", async () => {
    const own = { ...settings, notification_url: "https://public.test/sms?b=2" };
    const reached = `https://inside.test/t?bodySHA256=${await sha256Hex("{}")}`;
    const sent = await send(`${own.notification_url}`, "{}", "application/json");
    expect(await check({ ...sent, url: reached }, own)).toBeNull();
    expect(await check({ ...sent, url: reached, body: utf8("[]") }, own)).toBe(
      "signature-mismatch",
    );
  });
});

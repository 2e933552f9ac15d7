/**
 * The providers' own libraries, both ways where they sign and one way where they only verify. They
 * are no perfect judges (some take a day in the future, some keep only the last of several
 * signatures), so what must be refused is tested elsewhere.
 */
import "@shopify/shopify-api/adapters/node";
import { sign as octokitSign, verify as octokitVerify } from "@octokit/webhooks-methods";
import { Paddle } from "@paddle/paddle-node-sdk";
import { LogSeverity, shopifyApi } from "@shopify/shopify-api";
import { verifySlackRequest } from "@slack/bolt";
import { WebhooksHelper as Square } from "square";
import { Webhook as Standard } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as Svix } from "svix";
import twilio from "twilio";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/platform/crypto/encoding.ts";
import { sign, verify } from "../../../src/platform/signatures/index.ts";
import { CASES, type CaseName } from "./cases.ts";

// Some read the machine's clock and cannot be told another time.
const NOW = Math.floor(Date.now() / 1000) * 1000;
const BODY = '{"id":"evt_1","type":"a.b","name":"Zoë ✓","n":[1,2.5]}';
const OTHER = BODY.replace("evt_1", "evt_2");

/** What we send for a scheme, as a plain object with lower-case names. */
async function ours(name: CaseName, body = BODY) {
  const { settings, secret, url, contentType } = CASES[name];
  const message = { url, body: utf8(body), contentType, id: "evt_1", eventType: "a.b" };
  const sent = await sign(settings, secret, message, Date.now());
  return { url: sent.url, headers: Object.fromEntries(sent.headers) };
}

/** What we think of headers that a library made. */
function judge(
  name: CaseName,
  headers: Record<string, string>,
  body = BODY,
  url = CASES[name].url,
) {
  const { settings, secret } = CASES[name];
  const request = { url, headers: new Headers(headers), body: utf8(body) };
  return verify(settings, [secret], request, NOW);
}

describe("stripe", () => {
  const { secret } = CASES.stripe;
  const webhooks = Stripe.webhooks;

  it("makes signatures that we take", async () => {
    const options = { payload: BODY, secret, timestamp: NOW / 1000 };
    const header = webhooks.generateTestHeaderString(options);
    expect(await judge("stripe", { "Stripe-Signature": header })).toBeNull();
    expect(await judge("stripe", { "Stripe-Signature": header }, OTHER)).toBe("signature-mismatch");
  });

  it("takes the signatures that we make", async () => {
    const header = (await ours("stripe")).headers["stripe-signature"] ?? "";
    expect(webhooks.constructEvent(BODY, header, secret)).toMatchObject({ id: "evt_1" });
    expect(() => webhooks.constructEvent(OTHER, header, secret)).toThrow("signature");
  });
});

describe.each([
  ["standard-webhooks", Standard, "webhook"],
  ["svix", Svix, "svix"],
] as const)("%s", (name, Library, prefix) => {
  const library = new Library(CASES[name].secret);

  it("makes signatures that we take", async () => {
    const headers = {
      [`${prefix}-id`]: "evt_1",
      [`${prefix}-timestamp`]: String(NOW / 1000),
      [`${prefix}-signature`]: library.sign("evt_1", new Date(NOW), BODY),
    };
    expect(await judge(name, headers)).toBeNull();
    expect(await judge(name, headers, OTHER)).toBe("signature-mismatch");
  });

  it("takes the signatures that we make", async () => {
    const { headers } = await ours(name);
    expect(library.verify(BODY, headers)).toMatchObject({ id: "evt_1" });
    expect(() => library.verify(OTHER, headers)).toThrow();
  });
});

describe("@octokit/webhooks-methods", () => {
  const { secret } = CASES.github;

  it("makes signatures that we take", async () => {
    const headers = { "X-Hub-Signature-256": await octokitSign(secret, BODY) };
    expect(await judge("github", headers)).toBeNull();
    expect(await judge("github", headers, OTHER)).toBe("signature-mismatch");
  });

  it("takes the signatures that we make", async () => {
    const signature = (await ours("github")).headers["x-hub-signature-256"] ?? "";
    expect(await octokitVerify(secret, BODY, signature)).toBe(true);
    expect(await octokitVerify(secret, OTHER, signature)).toBe(false);
  });
});

describe("twilio", () => {
  const { secret, url } = CASES.twilio;
  const name = "X-Twilio-Signature";
  const fields = {
    To: "+15005550006",
    Body: "Zoë & co = ✓ 100% +",
    Empty: "",
    a: "low",
    Z: "high",
  };
  const form = new URLSearchParams(fields).toString();
  const twice = { ...fields, Media: ["b", "a", "b"] };
  const twiceForm = `${form}&Media=b&Media=a&Media=b`;

  it.each([
    ["fields", fields, form],
    ["a field that is repeated", twice, twiceForm],
  ])("makes signatures of %s that we take", async (_, params, body) => {
    const signature = twilio.getExpectedTwilioSignature(secret, url, params);
    expect(await judge("twilio", { [name]: signature }, body)).toBeNull();
    expect(await judge("twilio", { [name]: signature }, `${body}x`)).toBe("signature-mismatch");
    const signed = twilio.getExpectedTwilioSignature(
      secret,
      url.replace(".test", ".test:443"),
      params,
    );
    expect(await judge("twilio", { [name]: signed }, body)).toBeNull();
  });

  it("takes the signatures of forms that we make", async () => {
    for (const [params, body] of [
      [fields, form],
      [twice, twiceForm],
    ] as const) {
      const signature = (await ours("twilio", body)).headers["x-twilio-signature"] ?? "";
      expect(twilio.validateRequest(secret, signature, url, params)).toBe(true);
      expect(twilio.validateRequest(secret, signature, url, { ...params, a: "b" })).toBe(false);
    }
  });

  it("makes signatures of JSON that we take", async () => {
    const called = `${url}&bodySHA256=${twilio.getExpectedBodyHash(BODY)}`;
    const signature = twilio.getExpectedTwilioSignature(secret, called, {});
    expect(await judge("twilio", { [name]: signature }, BODY, called)).toBeNull();
    expect(await judge("twilio", { [name]: signature }, OTHER, called)).toBe("signature-mismatch");
  });

  it("takes the signatures of JSON that we make", async () => {
    const sent = await ours("twilio, JSON");
    const signature = sent.headers["x-twilio-signature"] ?? "";
    const judged = (body: string) =>
      twilio.validateRequestWithBody(secret, signature, sent.url, body);
    expect(judged(BODY)).toBe(true);
    expect(judged(OTHER)).toBe(false);
  });
});

describe("libraries that only verify", () => {
  it("@slack/bolt takes the signatures that we make", async () => {
    const { headers } = await ours("slack");
    const seen = {
      "x-slack-signature": headers["x-slack-signature"] ?? "",
      "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]),
    };
    const judged = (body: string) => () =>
      verifySlackRequest({ signingSecret: CASES.slack.secret, body, headers: seen });
    expect(judged(BODY)).not.toThrow();
    expect(judged(OTHER)).toThrow("signature mismatch");
  });

  it("@shopify/shopify-api takes the signatures that we make", async () => {
    const shopify = shopifyApi({
      apiSecretKey: CASES.shopify.secret,
      apiKey: "key",
      hostName: "acme.test",
      apiVersion: "2026-10" as never,
      isEmbeddedApp: false,
      logger: { level: LogSeverity.Error },
    });
    const { headers } = await ours("shopify");
    const sent = {
      ...headers,
      "x-shopify-shop-domain": "acme.myshopify.com",
      "x-shopify-api-version": "2026-10",
      "x-shopify-webhook-id": "w",
    };
    const judged = (rawBody: string) =>
      shopify.webhooks.validate({
        rawBody,
        rawRequest: { method: "POST", url: "/", headers: sent } as never,
        rawResponse: {} as never,
      });
    expect(await judged(BODY)).toMatchObject({ valid: true });
    expect(await judged(OTHER)).toMatchObject({ valid: false, reason: "invalid_hmac" });
  });

  it("@paddle/paddle-node-sdk takes the signatures that we make", async () => {
    const signature = (await ours("paddle")).headers["paddle-signature"] ?? "";
    // Its verifier says no to everything until a client has been made.
    const { webhooks } = new Paddle("an API key");
    const judged = (body: string) =>
      webhooks.isSignatureValid(body, CASES.paddle.secret, signature);
    expect(await judged(BODY)).toBe(true);
    expect(await judged(OTHER)).toBe(false);
  });

  it("square takes the signatures that we make", async () => {
    const { settings, secret } = CASES.square;
    const signatureHeader = (await ours("square")).headers["x-square-hmacsha256-signature"] ?? "";
    const judged = (requestBody: string) =>
      Square.verifySignature({
        requestBody,
        signatureHeader,
        signatureKey: secret,
        notificationUrl: settings.notification_url ?? "",
      });
    expect(await judged(BODY)).toBe(true);
    expect(await judged(OTHER)).toBe(false);
  });
});

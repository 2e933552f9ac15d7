/** Recomputed with another HMAC and none of our code, for schemes whose provider has no library. */
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sign, verify } from "../../../src/platform/signatures/index.ts";
import { CASES, type CaseName, genuine, NOW } from "./cases.ts";

const BODY = new Uint8Array([0x7b, 0x22, 0xff, 0x00, 0xc0, 0x22, 0x7d]);
const hmac = (secret: string, ...parts: (string | Uint8Array)[]) => {
  const running = createHmac("sha256", secret);
  for (const part of parts) running.update(part);
  return running;
};

const SECONDS = String(NOW / 1000);
const ISO = "2026-11-21T12:00:00Z";

/** What each sends, said once more. */
const FORMULAS: readonly [CaseName, (secret: string) => Readonly<Record<string, string>>][] = [
  [
    "generic",
    (secret) => ({
      "X-Timestamp": SECONDS,
      "X-Signature": `sha256=${hmac(secret, SECONDS, ".", BODY).digest("hex")}`,
    }),
  ],
  ["hmac-body", (secret) => ({ "X-User-Signature": `sha256=${hmac(secret, BODY).digest("hex")}` })],
  [
    "pagerduty",
    (secret) => ({ "X-PagerDuty-Signature": `v1=${hmac(secret, BODY).digest("hex")}` }),
  ],
  [
    "zendesk",
    (secret) => ({
      "X-Zendesk-Webhook-Signature-Timestamp": ISO,
      "X-Zendesk-Webhook-Signature": hmac(secret, ISO, BODY).digest("base64"),
    }),
  ],
];

describe.each(FORMULAS)("%s rests on its formula alone", (name, formula) => {
  const { settings, secret, url } = CASES[name];

  it("verifies what the formula gives", async () => {
    const request = { url, headers: new Headers(formula(secret)), body: BODY };
    expect(await verify(settings, [secret], request, NOW)).toBeNull();
    expect(await verify(settings, [`${secret}.`], request, NOW)).toBe("signature-mismatch");
  });

  it("signs as the formula does", async () => {
    const { headers } = await genuine(name, NOW, { body: BODY });
    for (const [header, text] of Object.entries(formula(secret))) {
      expect(headers.get(header)).toBe(text);
    }
  });
});

it("Zendesk's formula takes its timestamp as it is written", async () => {
  const { settings, secret, url } = CASES.zendesk;
  const written = "2026-11-21T13:00:00.000+01:00";
  const headers = new Headers({
    "X-Zendesk-Webhook-Signature-Timestamp": written,
    "X-Zendesk-Webhook-Signature": hmac(secret, written, BODY).digest("base64"),
  });
  expect(await verify(settings, [secret], { url, headers, body: BODY }, NOW)).toBeNull();
});

it("the formula of hmac-body has no tag of its own", async () => {
  const settings = { scheme: "hmac-body" } as const;
  const message = { url: "", body: BODY, contentType: "", id: "", eventType: "" };
  const { headers } = await sign(settings, "secret", message, NOW);
  const bare = new Headers({ "X-Signature": hmac("secret", BODY).digest("hex") });
  expect(headers.get("X-Signature")).toBe(`sha256=${bare.get("X-Signature")}`);
  expect(
    await verify(settings, ["secret"], { url: "", headers: bare, body: BODY }, NOW),
  ).toBeNull();
});

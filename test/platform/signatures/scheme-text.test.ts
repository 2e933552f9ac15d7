import { describe, expect, it } from "vitest";
import { SCHEME_NAMES, schemeText } from "../../../src/platform/signatures/index.ts";
import { CASES } from "./cases.ts";

describe("a scheme in words", () => {
  it.each(SCHEME_NAMES)("names the headers of %s", (scheme) => {
    const { header, timestamp, id, signed } = CASES[scheme];
    const text = schemeText(scheme);
    expect(text.startsWith(`\`${scheme}\`: \``)).toBe(true);
    // That of hmac-body is the case's own.
    if (scheme !== "hmac-body") expect(text).toContain(`\`${header}: `);
    if (timestamp && "header" in timestamp) expect(text).toContain(`<${timestamp.header}>`);
    if (timestamp && "tag" in timestamp) expect(text).toContain(`${timestamp.tag}<timestamp>`);
    if (id && signed.includes("id")) expect(text).toContain(`<${id}>`);
    expect(text.includes("<body>")).toBe(scheme !== "twilio");
    expect(text).not.toContain("undefined");
  });

  it.each([
    [
      "generic",
      "`generic`: `X-Signature: sha256=<hex>`, the HMAC-SHA-256 of `<X-Timestamp>.<body>`; " +
        "`<X-Timestamp>` in whole seconds since 1970",
    ],
    [
      "hmac-body",
      "`hmac-body`: `X-Signature: sha256=<hex>`, the HMAC-SHA-256 of `<body>`; `sha256=` may be " +
        "left out; takes `signature_header`, `timestamp_header`",
    ],
    [
      "paddle",
      "`paddle`: `Paddle-Signature: ts=<timestamp>;h1=<hex>`, the HMAC-SHA-256 of " +
        "`<timestamp>:<body>`; `<timestamp>` in whole seconds since 1970",
    ],
    [
      "svix",
      "`svix`: `svix-signature: v1,<base64>`, the HMAC-SHA-256 of " +
        "`<svix-id>.<svix-timestamp>.<body>`; `<svix-timestamp>` in whole seconds since 1970; the " +
        "secret is the key in base64, after `whsec_` or not",
    ],
    [
      "square",
      "`square`: `x-square-hmacsha256-signature: <base64>`, the HMAC-SHA-256 of " +
        "`<notification_url><body>`; needs `notification_url`",
    ],
  ] as const)("of %s says it all", (scheme, text) => {
    expect(schemeText(scheme)).toBe(text);
  });
});

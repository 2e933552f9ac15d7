/** How a service's body is told: never changed on the way, and never too large to be kept. */
import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { answerBody } from "../../../src/features/calls/answer-body.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

describe("the body of an answer", () => {
  it.each<[string, string, string | null, unknown, string]>([
    ["JSON", '{"a":[1,2.5,null]}', "application/json", { a: [1, 2.5, null] }, "json"],
    ["JSON of a kind", "[]", "application/problem+json; charset=utf-8", [], "json"],
    ["false", "false", "application/json", false, "json"],
    ["null", "null", "application/json", null, "json"],
    ["no JSON after all", "{", "application/json", "{", "text"],
    ["a name twice", '{"a":1,"a":2}', "application/json", '{"a":1,"a":2}', "text"],
    ["the prototype", '{"__proto__":1}', "application/json", '{"__proto__":1}', "text"],
    [
      "many digits",
      '{"id":12345678901234567890}',
      "application/json",
      '{"id":12345678901234567890}',
      "text",
    ],
    [
      "digits in text",
      '{"id":"12345678901234567890"}',
      "application/json",
      { id: "12345678901234567890" },
      "json",
    ],
    ["2^53 - 1", "[9007199254740991]", "application/json", [9_007_199_254_740_991], "json"],
    ["2^53", "-9007199254740992", "application/json", "-9007199254740992", "text"],
    ["too large a number", "[1e400]", "application/json", "[1e400]", "text"],
    ["text", "Grüße", "text/plain", "Grüße", "text"],
    ["XML", "<a/>", "application/soap+xml", "<a/>", "text"],
    ["a form", "a=1", "application/x-www-form-urlencoded", "a=1", "text"],
    ["text without a type", "plain", null, "plain", "text"],
    ["a byte order mark", "\ufeff{}", "application/json", "\ufeff{}", "text"],
    ["an image", "GIF89a", "image/gif", base64(bytesOf("GIF89a")), "base64"],
    ["another charset", "a", "text/plain; charset=iso-8859-1", "YQ==", "base64"],
  ])("is told: %s", (_, text, type, body, encoding) => {
    expect(answerBody(bytesOf(text), type)).toEqual({ body, encoding });
  });

  it("is none where there is none", () => {
    const none = { body: null, encoding: null };
    expect(answerBody(new Uint8Array(), "application/json")).toEqual(none);
  });

  it("goes as base64 where it is no UTF-8", () => {
    const bytes = new Uint8Array([0x7b, 0xff, 0x7d]);
    for (const type of ["application/json", "text/plain", null]) {
      expect(answerBody(bytes, type)).toEqual({ body: base64(bytes), encoding: "base64" });
    }
  });

  it.each([
    ["control characters", "\u0001"],
    ["quotes", '"'],
    ["backslashes", "\\"],
    ["letters", "x"],
  ])("of 512 KiB of %s can be kept", (_, letter) => {
    const text = letter.repeat(524_288);
    for (const [type, body] of [
      ["text/plain", text],
      ["application/json", JSON.stringify(letter.repeat(80_000))],
    ] as const) {
      const { body: told } = answerBody(bytesOf(body), type);
      // As idempotency keeps it: JSON in JSON, sealed, in base64.
      const kept = JSON.stringify({ body: JSON.stringify({ body: told }) });
      expect((bytesOf(kept).length * 4) / 3).toBeLessThan(1_900_000);
    }
  });
});

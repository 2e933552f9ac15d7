import { describe, expect, it } from "vitest";
import {
  distinctContent,
  type SignatureSettings,
  sign,
  verify,
} from "../../../src/platform/signatures/index.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (string: string) => new TextEncoder().encode(string);
const FORM = "application/x-www-form-urlencoded";
const SECRET = "twilio-auth-token";

describe("what tells deliveries apart", () => {
  it("is the body where the body is signed", async () => {
    const body = bytes('{"id":"evt_1"}');
    const request = { url: "https://acme.test/api/v1/webhooks/x", body };
    expect(await distinctContent({ scheme: "stripe" }, request)).toBe(body);
  });

  describe("of Twilio's forms", () => {
    const settings: SignatureSettings = { scheme: "twilio" };
    const url = "https://acme.test/api/v1/webhooks/twilio?z=1";
    const sent = "Body=a%2Bb&From=%2B1";
    // All of them pass for the one that was sent, with its signature.
    it.each([
      ["fields in another order", url, "From=%2B1&Body=a%2Bb"],
      ["another spelling of a letter", url, "Body=a%2bb&From=%2B1"],
      ["a field said twice", url, "Body=a%2Bb&Body=a%2Bb&From=%2B1"],
      ["a field that moved into the URL", `${url}Bodya+b`, "From=%2B1"],
      ["a port that goes without saying", url.replace(".test", ".test:443"), sent],
    ])("stays the same for %s", async (_, otherUrl, otherBody) => {
      const message = { url, body: bytes(sent), contentType: FORM, id: "1", eventType: "message" };
      const { headers } = await sign(settings, SECRET, message, 0);
      const other = { url: otherUrl, body: bytes(otherBody) };
      expect(await verify(settings, [SECRET], { ...other, headers }, 0)).toBeNull();
      const first = text(await distinctContent(settings, { url, body: bytes(sent) }));
      expect(text(await distinctContent(settings, other))).toBe(first);
    });

    it("differs for another value", async () => {
      const of = async (body: string) =>
        text(await distinctContent(settings, { url, body: bytes(body) }));
      expect(await of("Body=hi")).not.toBe(await of("Body=ho"));
    });
  });
});

import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/platform/crypto/encoding.ts";
import {
  SCHEME_NAMES,
  SIGNATURE_FAULTS,
  type SignatureSettings,
  settingsFaults,
  sign,
  verify,
} from "../../../src/platform/signatures/index.ts";
import { CASE_NAMES, CASES } from "./cases.ts";

const options = (settings: SignatureSettings, secrets?: readonly string[]) =>
  settingsFaults(settings, secrets).map(({ option }) => option);

describe("settings", () => {
  it.each(CASE_NAMES)("of the genuine %s have no fault", (name) => {
    const { settings, secret, next } = CASES[name];
    expect(settingsFaults(settings, [secret, next])).toEqual([]);
    expect(settingsFaults(settings)).toEqual([]);
    expect(settingsFaults(settings, [])).toEqual([]);
  });

  it("name only options that the scheme knows", () => {
    const values = {
      signature_header: "X-User-Signature",
      timestamp_header: "X-Sent-At",
      notification_url: "https://public.example/hook",
    };
    const known = Object.fromEntries(
      SCHEME_NAMES.map((scheme) => {
        const faults = options({ scheme, ...values });
        return [scheme, Object.keys(values).filter((name) => !faults.includes(name as never))];
      }),
    );
    const none: string[] = [];
    expect(known).toEqual({
      ...Object.fromEntries(SCHEME_NAMES.map((scheme) => [scheme, none])),
      "hmac-body": ["signature_header", "timestamp_header"],
      twilio: ["notification_url"],
      square: ["notification_url"],
    });
  });

  it("of Square need the notification URL", async () => {
    expect(options({ scheme: "square" })).toEqual(["notification_url"]);
    const message = {
      url: "https://x.test/",
      body: utf8("{}"),
      contentType: "",
      id: "",
      eventType: "",
    };
    await expect(sign({ scheme: "square" }, "secret", message, 0)).rejects.toThrow(TypeError);
    const { url, next } = CASES.square;
    const { headers } = await sign(CASES.square.settings, next, message, 0);
    const request = { url, headers, body: message.body };
    expect(await verify({ scheme: "square" }, [next], request, 0)).toBe("signature-mismatch");
  });

  it.each(["", "X Signature", "X-Signature:", "X-Signature\n", "Ünterschrift", "x".repeat(256)])(
    "refuse %j for the name of a header",
    (name) => {
      expect(options({ scheme: "hmac-body", signature_header: name })).toEqual([
        "signature_header",
      ]);
      expect(options({ scheme: "hmac-body", timestamp_header: name })).toEqual([
        "timestamp_header",
      ]);
    },
  );

  it.each(["", "/hook", "ftp://x.test/", "https://", "https://x.test/#a", "https://x.test/a b"])(
    "refuse %j for a URL",
    (notification_url) => {
      expect(options({ scheme: "square", notification_url })).toEqual(["notification_url"]);
    },
  );

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "refuse a tolerance of %d",
    (seconds) => {
      expect(options({ scheme: "stripe", tolerance_seconds: seconds })).toEqual([
        "tolerance_seconds",
      ]);
    },
  );

  it("take a tolerance only where there is a time", () => {
    const timeless = SCHEME_NAMES.filter((scheme) => {
      const settings = { ...CASES[scheme].settings, tolerance_seconds: 60 };
      return options(settings).includes("tolerance_seconds");
    });
    expect(timeless).toEqual(["hmac-body", "github", "shopify", "twilio", "square", "pagerduty"]);
    expect(settingsFaults({ scheme: "github", tolerance_seconds: 60 })).toEqual([
      { option: "tolerance_seconds", message: "is no option of the scheme github" },
    ]);
    const timed = { ...CASES["hmac-body, time"].settings, tolerance_seconds: 60 };
    expect(options(timed)).toEqual([]);
  });

  it.each<[string, Omit<SignatureSettings, "scheme">]>([
    ["named twice", { signature_header: "X-Sent", timestamp_header: "X-Sent" }],
    ["in another case", { signature_header: "X-Sent", timestamp_header: "x-sENT" }],
    ["that the scheme has", { timestamp_header: "x-signature" }],
  ])("refuse one header for signature and time, %s", (_, names) => {
    expect(options({ scheme: "hmac-body", ...names })).toEqual(["timestamp_header"]);
  });

  it.each(["Authorization", "content-type", "Content-Length", "HOST", "Cookie", "Date", "te"])(
    "refuse %s, which is HTTP's own",
    (name) => {
      expect(options({ scheme: "hmac-body", signature_header: name })).toEqual([
        "signature_header",
      ]);
      expect(options({ scheme: "hmac-body", timestamp_header: name })).toEqual([
        "timestamp_header",
      ]);
    },
  );
});

describe("secrets", () => {
  it.each(SCHEME_NAMES)("of %s are not empty", (scheme) => {
    const { settings, secret } = CASES[scheme];
    expect(options(settings, [secret, ""])).toEqual(["secrets/1"]);
  });

  it.each([
    "whsec_",
    "whsec_====",
    "not base64!",
    "whsec_AAA",
    "whsec_AB",
    "Zg=",
    "Zh==",
    "--__",
    "Zg==\n",
  ])("of standard-webhooks and svix cannot be %j", (secret) => {
    // AAA is complete but for its padding.
    const faults = secret === "whsec_AAA" ? [] : ["secrets/0"];
    expect(options({ scheme: "standard-webhooks" }, [secret])).toEqual(faults);
    expect(options({ scheme: "svix" }, [secret])).toEqual(faults);
  });

  it.each(["whsec_Zm9v", "Zm9v", "whsec_Zg==", "Zg"])("of svix may be %j", (secret) => {
    expect(options({ scheme: "svix" }, [secret])).toEqual([]);
  });

  it("of Stripe are texts, with what stands before them", async () => {
    const { settings, url } = CASES.stripe;
    const body = utf8("{}");
    const message = { url, body, contentType: "application/json", id: "", eventType: "" };
    const sent = { ...(await sign(settings, "whsec_Zm9v", message, 0)), body };
    expect(await verify(settings, ["whsec_Zm9v"], sent, 0)).toBeNull();
    expect(await verify(settings, ["Zm9v"], sent, 0)).toBe("signature-mismatch");
  });

  it("of svix are the same with and without what stands before them", async () => {
    const { settings, url } = CASES.svix;
    const body = utf8("{}");
    const message = { url, body, contentType: "application/json", id: "m", eventType: "" };
    const sent = { ...(await sign(settings, "whsec_Zm9v", message, 0)), body };
    expect(await verify(settings, ["Zm9v"], sent, 0)).toBeNull();
    await expect(sign(settings, "*", message, 0)).rejects.toThrow(TypeError);
    expect(await verify(settings, ["*"], sent, 0)).toBe("signature-mismatch");
  });

  it("are not repeated in the messages", () => {
    const [fault] = settingsFaults({ scheme: "svix" }, ["a secret that is no base64"]);
    expect(fault?.message).not.toContain("a secret that");
  });
});

it("has a closed list of faults, each once and in kebab case", () => {
  expect(new Set(SIGNATURE_FAULTS).size).toBe(SIGNATURE_FAULTS.length);
  for (const fault of SIGNATURE_FAULTS) expect(fault).toMatch(/^[a-z]+(-[a-z]+)+$/);
});

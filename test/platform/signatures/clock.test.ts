import { describe, expect, it } from "vitest";
import { type SignedRequest, verify } from "../../../src/platform/signatures/index.ts";
import {
  CASE_NAMES,
  CASES,
  type CaseName,
  CLOCKED,
  genuine,
  NOW,
  withHeader,
  withTimestamp,
} from "./cases.ts";

const SECOND = 1000;
const check = (name: CaseName, request: SignedRequest, now: number, tolerance?: number) => {
  const { settings, secret } = CASES[name];
  const changed =
    tolerance === undefined ? settings : { ...settings, tolerance_seconds: tolerance };
  return verify(changed, [secret], request, now);
};

/** How far a timestamp may be off when the settings do not say. */
const TOLERANCES: Partial<Record<CaseName, number>> = {
  generic: 300,
  "hmac-body, time": 300,
  "standard-webhooks": 300,
  svix: 300,
  stripe: 300,
  slack: 300,
  paddle: 5,
  zendesk: 300,
};

it("is known for every scheme that has a clock", () => {
  expect(Object.keys(TOLERANCES).filter((name) => name !== "hmac-body, time")).toEqual(CLOCKED);
});

describe.each(Object.entries(TOLERANCES) as [CaseName, number][])("%s", (name, tolerance) => {
  it(`takes exactly ${tolerance} s and refuses one more, both ways`, async () => {
    const request = await genuine(name);
    expect(await check(name, request, NOW + tolerance * SECOND)).toBeNull();
    expect(await check(name, request, NOW - tolerance * SECOND)).toBeNull();
    expect(await check(name, request, NOW + (tolerance + 1) * SECOND)).toBe("timestamp-stale");
    expect(await check(name, request, NOW - (tolerance + 1) * SECOND)).toBe("timestamp-ahead");
  });

  it("counts whole seconds, as senders do", async () => {
    const request = await genuine(name);
    expect(await check(name, request, NOW + tolerance * SECOND + 999)).toBeNull();
    expect(await check(name, request, NOW - tolerance * SECOND - 1)).toBe("timestamp-ahead");
  });

  it.each([0, 1, 5, 86_400])("takes %i s when the settings say so", async (own) => {
    const request = await genuine(name);
    expect(await check(name, request, NOW + own * SECOND, own)).toBeNull();
    expect(await check(name, request, NOW + (own + 1) * SECOND, own)).toBe("timestamp-stale");
    expect(await check(name, request, NOW - own * SECOND, own)).toBeNull();
    expect(await check(name, request, NOW - (own + 1) * SECOND, own)).toBe("timestamp-ahead");
  });

  it("tells nothing of the clock to those who cannot sign", async () => {
    const request = await genuine(name, NOW, { secret: CASES[name].next });
    expect(await check(name, request, NOW + 10_000 * SECOND)).toBe("signature-mismatch");
  });
});

const NO_SECONDS = [
  "-1",
  `-${NOW / SECOND}`,
  `+${NOW / SECOND}`,
  "soon",
  "NaN",
  "Infinity",
  "1e9",
  "0x7fffffff",
  `${NOW / SECOND}.0`,
  `${NOW / SECOND}, ${NOW / SECOND}`,
  `${NOW / SECOND} ${NOW / SECOND}`,
  // Milliseconds.
  String(NOW),
  "٣٣٣٣",
];

const NO_ISO_8601 = [
  String(NOW / SECOND),
  String(NOW),
  "-1",
  "soon",
  "2026-11-21",
  "2026-11-21T12:00:00",
  "2026-11-21 12:00:00Z",
  "2026-11-21T12:00Z",
  "2026-11-21t12:00:00z",
  "2026-02-30T12:00:00Z",
  "2026-13-01T12:00:00Z",
  "2026-11-21T24:00:00Z",
  "2026-11-21T12:00:60Z",
  "2026-11-21T12:00:00.Z",
  "2026-11-21T12:00:00+0000",
  "2026-11-21T12:00:00+24:00",
  "2026-11-21T12:00:00Z, 2026-11-21T12:00:00Z",
  "Sat, 21 Nov 2026 12:00:00 GMT",
];

const ISO: readonly CaseName[] = ["zendesk"];

describe.each(CLOCKED)("the timestamp of %s", (name) => {
  it("has to be there", async () => {
    const request = await genuine(name);
    expect(await check(name, withTimestamp(name, request, ""), NOW)).toBe("timestamp-missing");
    const { timestamp } = CASES[name];
    if (timestamp !== undefined && "header" in timestamp) {
      const without = withHeader(request, timestamp.header, null);
      expect(await check(name, without, NOW)).toBe("timestamp-missing");
    }
  });

  it.each(ISO.includes(name) ? NO_ISO_8601 : NO_SECONDS)("is not %j", async (text) => {
    // A header can only hold bytes.
    const sent = encodeURI(text) === text || !/[^\0-\xff]/.test(text) ? text : encodeURI(text);
    const fault = await check(name, withTimestamp(name, await genuine(name), sent), NOW);
    expect(["timestamp-malformed", "signature-malformed"]).toContain(fault);
  });
});

describe("the timestamp of hmac-body", () => {
  const name = "hmac-body, time";

  it("is none unless a header is named", async () => {
    const request = withHeader(await genuine("hmac-body"), "X-Timestamp", "1");
    expect(await check("hmac-body", request, NOW + 10_000 * SECOND)).toBeNull();
  });

  it("is checked when the named header is there, and proves nothing", async () => {
    const request = await genuine(name);
    expect(request.headers.get("X-Sent-At")).toBe("2026-11-21T12:00:00Z");
    const late = NOW + 301 * SECOND;
    expect(await check(name, request, late)).toBe("timestamp-stale");
    expect(await check(name, withHeader(request, "X-Sent-At", null), late)).toBeNull();
    const renewed = withHeader(request, "X-Sent-At", new Date(late).toISOString());
    expect(await check(name, renewed, late)).toBeNull();
  });

  it.each(NO_ISO_8601)("is not %j", async (text) => {
    const request = withHeader(await genuine(name), "X-Sent-At", text);
    expect(await check(name, request, NOW)).toBe("timestamp-malformed");
  });

  it.each([
    "2026-11-21T12:00:00Z",
    "2026-11-21T12:00:00.123456Z",
    "2026-11-21T13:30:00+01:30",
    "2026-11-21T00:00:00.5-12:00",
  ])("may be %j", async (text) => {
    const request = withHeader(await genuine(name), "X-Sent-At", text);
    expect(await check(name, request, NOW)).toBeNull();
  });
});

describe("two times among the signatures", () => {
  it.each(["stripe", "paddle"] as const)("of %s are refused", async (name) => {
    const request = await genuine(name);
    const { header, timestamp } = CASES[name];
    const tag = timestamp !== undefined && "tag" in timestamp ? timestamp.tag : "";
    const separator = name === "stripe" ? "," : ";";
    const text = request.headers.get(header) ?? "";
    const twice = withHeader(request, header, `${text}${separator}${tag}${NOW / SECOND + 1}`);
    expect(await check(name, twice, NOW)).toBe("signature-malformed");
  });
});

it.each(CASE_NAMES.filter((name) => TOLERANCES[name] === undefined))(
  "%s has no clock: a year later it is as genuine",
  async (name) => {
    expect(await check(name, await genuine(name), NOW + 365 * 86_400 * SECOND)).toBeNull();
  },
);

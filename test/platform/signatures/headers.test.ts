import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/platform/crypto/encoding.ts";
import { headerFault, type SignedRequest, verify } from "../../../src/platform/signatures/index.ts";
import {
  CASE_NAMES,
  CASES,
  type CaseName,
  CLOCKED,
  genuine,
  mapHeader,
  NOW,
  withHeader,
  withTimestamp,
} from "./cases.ts";

/** How each list is written; every other scheme has one signature and no list. */
const LISTS: Partial<Record<CaseName, { separator: string; clock?: string; unknown: string }>> = {
  "standard-webhooks": { separator: " ", unknown: "v1a,AAAA" },
  svix: { separator: " ", unknown: "v1a,AAAA" },
  stripe: { separator: ",", clock: `t=${NOW / 1000}`, unknown: "v0=00ff" },
  paddle: { separator: ";", clock: `ts=${NOW / 1000}`, unknown: "h2=00ff" },
  pagerduty: { separator: ",", unknown: "v2=00ff" },
};
const TAGS: Partial<Record<CaseName, string>> = {
  generic: "sha256=",
  github: "sha256=",
  slack: "v0=",
};

const OF_CONTENT = ["signature-mismatch", "timestamp-stale", "timestamp-ahead", null];

/** What is wrong with a request; what the headers alone say has to be the same. */
async function check(name: CaseName, request: SignedRequest, secrets = [CASES[name].secret]) {
  const { settings } = CASES[name];
  const fault = await verify(settings, secrets, request, NOW);
  expect(headerFault(settings, request.headers)).toBe(OF_CONTENT.includes(fault) ? null : fault);
  return fault;
}

/** The signature of a header, as it is encoded. */
const signatureIn = (text: string) => /[0-9a-f]{64}$|[A-Za-z0-9+/]+=$/.exec(text)?.[0] ?? "";

describe.each(CASE_NAMES)("%s", (name) => {
  const { header, secret, next } = CASES[name];
  const list = LISTS[name];

  it("takes what a genuine sender sends, under either live secret", async () => {
    const [old, fresh] = [await genuine(name), await genuine(name, NOW, { secret: next })];
    for (const secrets of [
      [secret, next],
      [next, secret],
    ]) {
      expect(await check(name, old, secrets)).toBeNull();
      expect(await check(name, fresh, secrets)).toBeNull();
    }
  });

  it("refuses a wrong secret, an empty one and none", async () => {
    const request = await genuine(name);
    for (const secrets of [[next], [""], ["whsec_"], []]) {
      expect(await check(name, request, secrets)).toBe("signature-mismatch");
    }
  });

  it("refuses a missing and an empty header", async () => {
    const request = await genuine(name);
    expect(await check(name, withHeader(request, header, null))).toBe("signature-missing");
    expect(await check(name, withHeader(request, header, ""))).toBe("signature-missing");
  });

  it("refuses a header that ends early", async () => {
    const request = await genuine(name);
    const whole = request.headers.get(header) ?? "";
    for (let end = 1; end < whole.length; end += 1) {
      const fault = await check(name, withHeader(request, header, whole.slice(0, end)));
      expect(fault, whole.slice(0, end)).toBe("signature-malformed");
    }
  });

  it("refuses the signature with anything before or after it", async () => {
    const request = await genuine(name);
    const signature = signatureIn(request.headers.get(header) ?? "");
    expect(signature).not.toBe("");
    for (const spoiled of [`${signature}0`, `${signature}=`, `0${signature}`, `${signature}AAAA`]) {
      const changed = mapHeader(request, header, (text) => text.replace(signature, spoiled));
      expect(await check(name, changed), spoiled).toBe("signature-malformed");
    }
  });

  it("refuses the header of every scheme that writes another", async () => {
    const request = await genuine(name);
    const form = (text: string) => text.replace(/\d{10}|[0-9a-f]{64}|[A-Za-z0-9+/]{27,}=/g, "…");
    const own = request.headers.get(header) ?? "";
    for (const other of CASE_NAMES) {
      const text = (await genuine(other)).headers.get(CASES[other].header) ?? "";
      const fault = await check(name, withHeader(request, header, text));
      if (form(text) !== form(own)) expect(fault, `${other}: ${text}`).not.toBeNull();
    }
  });

  if (list === undefined) {
    it("refuses a header that was sent twice, and one of 1,000", async () => {
      const request = await genuine(name);
      const doubled = new Headers(request.headers);
      doubled.append(header, request.headers.get(header) ?? "");
      expect(await check(name, { ...request, headers: doubled })).toBe("signature-malformed");
      const many = mapHeader(request, header, (text) => Array(1000).fill(text).join(","));
      expect(await check(name, many)).toBe("signature-malformed");
    });
  } else {
    const { separator, clock, unknown } = list;
    const parse = async () => {
      const request = await genuine(name);
      const own = (request.headers.get(header) ?? "").split(separator).at(-1) ?? "";
      const signature = signatureIn(own);
      const wrong = own.replace(signature, (text) => (text[0] === "0" ? "1" : "0") + text.slice(1));
      const send = (...entries: string[]) =>
        withHeader(request, header, [...(clock ? [clock] : []), ...entries].join(separator));
      return { request, own, wrong, send };
    };

    it("finds the right signature wherever it is listed", async () => {
      const { own, wrong, send } = await parse();
      expect(await check(name, send(own, wrong))).toBeNull();
      expect(await check(name, send(wrong, own))).toBeNull();
      expect(await check(name, send(wrong, wrong, own, wrong))).toBeNull();
      expect(await check(name, send(wrong, wrong))).toBe("signature-mismatch");
    });

    it("skips other versions, which alone are no signature", async () => {
      const { own, send } = await parse();
      expect(await check(name, send(unknown, own, unknown))).toBeNull();
      expect(await check(name, send(unknown))).toBe("signature-malformed");
      expect(await check(name, send(own, "nonsense"))).toBe("signature-malformed");
      expect(await check(name, send(own, "", own))).toBe("signature-malformed");
    });

    it("reads a header that was sent twice as one list", async () => {
      const { request, own, wrong, send } = await parse();
      for (const [first, second] of [
        [own, wrong],
        [wrong, own],
      ] as const) {
        const headers = new Headers(send(first).headers);
        headers.append(header, send(second).headers.get(header) ?? "");
        expect(await check(name, { ...request, headers })).toBeNull();
      }
    });

    it("takes 20 entries and refuses 21 before it looks at them", async () => {
      const { own, wrong, send } = await parse();
      const room = clock === undefined ? 19 : 18;
      expect(await check(name, send(...Array(room).fill(wrong), own))).toBeNull();
      for (const wrongs of [room + 1, 1000]) {
        const fault = await check(name, send(own, ...Array(wrongs).fill(wrong)));
        expect(fault).toBe("too-many-signatures");
      }
      expect(await check(name, send(own, `${unknown}${"0".repeat(5000)}`))).toBe(
        "too-many-signatures",
      );
    });
  }

  it("verifies a body that is not UTF-8 as the bytes it has", async () => {
    const bytes = new Uint8Array([0x7b, 0xff, 0xc0, 0x80, 0x00, 0xed, 0xa0, 0x80, 0x7d]);
    const form = new Uint8Array([...utf8("Body=%FF%C0"), 0xff, ...utf8("&A="), 0xc0]);
    const body = CASES[name].contentType.includes("form") ? form : bytes;
    const request = await genuine(name, NOW, { body });
    expect(await check(name, request)).toBeNull();
    // Both become U+FFFD for those who decode.
    const other = body.map((byte) => (byte === 0xff ? 0xfe : byte));
    expect(await check(name, { ...request, body: other })).toBe("signature-mismatch");
  });
});

describe("tags", () => {
  it.each(Object.entries(TAGS) as [CaseName, string][])("%s needs %j", async (name, tag) => {
    const request = await genuine(name);
    for (const other of ["", "sha1=", "v1=", "SHA256="]) {
      const changed = mapHeader(request, CASES[name].header, (text) => text.replace(tag, other));
      expect(await check(name, changed)).toBe("signature-malformed");
    }
  });

  it("may be left out with hmac-body", async () => {
    const request = await genuine("hmac-body");
    const { header } = CASES["hmac-body"];
    expect(request.headers.get(header)).toMatch(/^sha256=/);
    const bare = mapHeader(request, header, (text) => text.replace("sha256=", ""));
    expect(await check("hmac-body", bare)).toBeNull();
  });
});

describe("hexadecimal", () => {
  const upper = (text: string) => text.replace(/[0-9a-f]{64}/, (hex) => hex.toUpperCase());

  const names = [
    "generic",
    "hmac-body",
    "stripe",
    "github",
    "slack",
    "paddle",
    "pagerduty",
  ] as const;

  it.each(names)("%s: upper case is taken by generic only, mixed by none", async (name) => {
    const request = await genuine(name);
    const { header } = CASES[name];
    const fault = name === "generic" ? null : "signature-malformed";
    expect(await check(name, mapHeader(request, header, upper))).toBe(fault);
    const mixed = mapHeader(request, header, (text) => upper(text).replace(/[A-F]/, "a"));
    expect(await check(name, mixed)).toBe("signature-malformed");
  });
});

describe("a signed id", () => {
  it.each(["standard-webhooks", "svix"] as const)("of %s has to be there", async (name) => {
    const request = await genuine(name);
    const header = CASES[name].id ?? "";
    expect(await check(name, withHeader(request, header, null))).toBe("id-missing");
    expect(await check(name, withHeader(request, header, ""))).toBe("id-missing");
  });
});

describe("a timestamp", () => {
  it.each(CLOCKED)("of %s is looked at before the body is there", async (name) => {
    const request = await genuine(name);
    const broken = withTimestamp(name, request, "yesterday");
    expect(await check(name, broken)).toBe("timestamp-malformed");
    const { timestamp, header } = CASES[name];
    const without =
      timestamp && "header" in timestamp
        ? withHeader(request, timestamp.header, null)
        : mapHeader(request, header, (text) => text.replace(/^ts?=\d+[,;]/, ""));
    expect(await check(name, without)).toBe("timestamp-missing");
  });
});

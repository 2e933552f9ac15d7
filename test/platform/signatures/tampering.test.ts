import { describe, expect, it } from "vitest";
import {
  type SignatureFault,
  type SignatureSettings,
  type SignedRequest,
  verify,
} from "../../../src/platform/signatures/index.ts";
import {
  CASE_NAMES,
  CASES,
  type CaseName,
  genuine,
  mapHeader,
  NOW,
  type Place,
  withHeader,
} from "./cases.ts";

type Attempt = { readonly settings: SignatureSettings; readonly request: SignedRequest };

const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
/** One wrong letter at each position: every other printable one. */
function spoiledTexts(text: string): string[] {
  return [...text].flatMap((letter, i) =>
    PRINTABLE.filter((other) => other !== letter).map(
      (other) => text.slice(0, i) + other + text.slice(i + 1),
    ),
  );
}

/** One wrong byte at each position: every other one. */
function spoiledBytes(bytes: Uint8Array): Uint8Array[] {
  return [...bytes].flatMap((byte, i) =>
    Array.from({ length: 255 }, (_, other) => bytes.with(i, (byte + 1 + other) % 256)),
  );
}

const header = (name: string, { settings, request }: Attempt): Attempt[] =>
  spoiledTexts(request.headers.get(name) ?? "").map((text) => ({
    settings,
    request: withHeader(request, name, text),
  }));

/** All single changes of a place; none where the scheme has no such place. */
const SPOIL: Readonly<Record<Place, (name: CaseName, from: Attempt) => Attempt[]>> = {
  body: (_, { settings, request }) =>
    spoiledBytes(request.body).map((body) => ({ settings, request: { ...request, body } })),
  url: (_, { settings, request }) =>
    spoiledTexts(request.url).map((url) => ({ settings, request: { ...request, url } })),
  id: (name, from) => (CASES[name].id === undefined ? [] : header(CASES[name].id, from)),
  "content-type": (_, from) => header("Content-Type", from),
  notification_url: (_, { settings, request }) =>
    spoiledTexts(settings.notification_url ?? "").map((notification_url) => ({
      settings: { ...settings, notification_url },
      request,
    })),
  timestamp: (name, from) => {
    const { timestamp, header: list } = CASES[name];
    if (timestamp === undefined) return [];
    if ("header" in timestamp) return header(timestamp.header, from);
    const now = String(NOW / 1000);
    return spoiledTexts(now).map((text) => ({
      settings: from.settings,
      request: mapHeader(from.request, list, (whole) => whole.replace(now, text)),
    }));
  },
};

async function faultsOf(name: CaseName, attempts: readonly Attempt[]) {
  const faults = new Set<SignatureFault | null>();
  for (const { settings, request } of attempts) {
    faults.add(await verify(settings, [CASES[name].secret], request, NOW));
  }
  return faults;
}

describe.each(CASE_NAMES)("%s", (name) => {
  const { settings, secret, signed, header: signatures } = CASES[name];

  it(`signs ${signed.join(" and ")}: every other byte there is refused`, async () => {
    const request = await genuine(name);
    expect(await verify(settings, [secret], request, NOW)).toBeNull();
    for (const place of signed) {
      const attempts = SPOIL[place](name, { settings, request });
      expect(attempts.length, place).toBeGreaterThan(0);
      const faults = await faultsOf(name, attempts);
      // What is not signed learns nothing of our clock.
      for (const fault of [null, "timestamp-stale", "timestamp-ahead"] as const) {
        expect(faults, place).not.toContain(fault);
      }
    }
  });

  it("takes every other byte elsewhere, for nobody signed it", async () => {
    const request = await genuine(name);
    const others = (Object.keys(SPOIL) as Place[]).filter((place) => !signed.includes(place));
    for (const place of others) {
      const attempts = SPOIL[place](name, { settings, request });
      if (attempts.length > 0) {
        expect(await faultsOf(name, attempts), place).toEqual(new Set([null]));
      }
    }
  });

  it("refuses every other byte in the header with the signature", async () => {
    const request = await genuine(name);
    const faults = await faultsOf(name, header(signatures, { settings, request }));
    expect(faults).not.toContain(null);
    expect(faults).toContain("signature-mismatch");
    expect(faults).toContain("signature-malformed");
  });

  it("refuses a body that is shorter or longer", async () => {
    const request = await genuine(name);
    const lengths = [
      ...Array.from(request.body, (_, i) => request.body.slice(0, i)),
      ...Array.from({ length: 256 }, (_, byte) => new Uint8Array([...request.body, byte])),
    ];
    const attempts = lengths.map((body) => ({ settings, request: { ...request, body } }));
    expect(await faultsOf(name, attempts)).toEqual(new Set(["signature-mismatch"]));
  });
});

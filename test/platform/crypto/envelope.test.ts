import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBase64Url, toBase64Url } from "../../../src/platform/crypto/encoding.ts";
import {
  EnvelopeError,
  type EnvelopeFault,
  open,
  type SealContext,
  seal,
  sealedUnder,
} from "../../../src/platform/crypto/envelope.ts";
import { parseMasterKey } from "../../../src/platform/crypto/master-key.ts";
import { holds } from "../../support/property.ts";

const key = (fill: number) => toBase64Url(new Uint8Array(32).fill(fill));
const master = parseMasterKey(`k2:${key(2)},k1:${key(1)}`);
const before = parseMasterKey(`k1:${key(1)}`);
const context: SealContext = { realm: "tenant_1", purpose: "service-secret", row: "row_1" };

async function faultOf(sealed: string, where = context, using = master): Promise<EnvelopeFault> {
  const error = await open(using, where, sealed).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EnvelopeError);
  return (error as EnvelopeError).fault;
}

describe("seal and open", () => {
  it("gives every text back in its own context", async () => {
    const word = fc.string({ unit: "binary" });
    await holds(
      "envelope round trip",
      [word, word, word, word],
      async (realm, purpose, row, text) => {
        const where = { realm, purpose, row };
        expect(await open(master, where, await seal(master, where, text))).toBe(text);
      },
    );
  });

  it("opens in no other context, however the names are cut", async () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", '"', ","), maxLength: 2 });
    const where = fc.record({ realm: word, purpose: word, row: word });
    await holds("envelope context", [where, where], async (mine, other) => {
      fc.pre(JSON.stringify(mine) !== JSON.stringify(other));
      expect(await faultOf(await seal(master, mine, "secret"), other)).toBe("refused");
    });
  });

  it("never seals twice alike", async () => {
    const texts = await Promise.all(Array.from({ length: 50 }, () => seal(master, context, "x")));
    expect(new Set(texts.map((text) => text.split(".")[2])).size).toBe(50);
  });

  it("has the documented form: version, key id, 96-bit nonce, text and 128-bit tag", async () => {
    const [version, kid, nonce, body, ...rest] = (await seal(master, context, "four")).split(".");
    expect([version, kid, rest]).toEqual(["v1", "k2", []]);
    expect(fromBase64Url(nonce ?? "")?.byteLength).toBe(12);
    expect(fromBase64Url(body ?? "")?.byteLength).toBe(4 + 16);
  });

  it("opens what an old master key sealed, and tells which one did", async () => {
    const sealed = await seal(before, context, "secret");
    expect(sealedUnder(sealed)).toBe("k1");
    expect(await open(master, context, sealed)).toBe("secret");
    expect(sealedUnder(await seal(master, context, "secret"))).toBe("k2");
    expect(sealedUnder("secret")).toBeNull();
  });
});

describe("what does not open", () => {
  it("a text with any byte changed", async () => {
    const sealed = await seal(master, context, "secret");
    const [, , nonce, body] = sealed.split(".") as [string, string, string, string];
    const flip = (text: string, at: number) => {
      const bytes = fromBase64Url(text) as Uint8Array;
      bytes[at] = (bytes[at] as number) ^ 1;
      return toBase64Url(bytes);
    };
    for (let at = 0; at < 12; at += 1) {
      expect(await faultOf(`v1.k2.${flip(nonce, at)}.${body}`)).toBe("refused");
    }
    for (let at = 0; at < 6 + 16; at += 1) {
      expect(await faultOf(`v1.k2.${nonce}.${flip(body, at)}`)).toBe("refused");
    }
    expect(await faultOf(`v1.k1.${nonce}.${body}`)).toBe("refused");
  });

  it("a text sealed under a key that is not listed", async () => {
    expect(await faultOf(await seal(master, context, "secret"), context, before)).toBe(
      "unknown-key",
    );
  });

  it("a text that names the current key instead of an id", async () => {
    const sealed = await seal(master, context, "secret");
    expect(await faultOf(sealed.replace(".k2.", ".current."))).toBe("unknown-key");
  });

  it.each([
    "",
    "secret",
    "v1.k2.AAAAAAAAAAAAAAAA",
    "v2.k2.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
    "v1..AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
    "v1.k2.AAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
    "v1.k2.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAA",
    "v1.k2.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA==",
    "v1.k2.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA.",
  ])("%j, which seal never makes", async (text) => {
    expect(await faultOf(text)).toBe("malformed");
  });

  it("tells nothing of the secret or the place in its message", async () => {
    const error = await open(master, context, "v1.k2.secret").catch((reason: Error) => reason);
    expect(String(error)).toBe("EnvelopeError: envelope malformed");
  });
});

/** Metadata of every shape against a plain reading of the same rules. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metadataFault } from "../../../src/features/events/metadata.ts";
import { holds } from "../../support/property.ts";

const RUNS = 2_000;

/** What the rules say, read off the JSON text: its brackets, and its bytes. */
function expected(metadata: object): "number" | "levels" | "bytes" | null {
  const shown = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? "\u0000infinite" : value;
  const text = JSON.stringify(metadata, shown);
  const bare = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
  let level = 0;
  let deepest = 0;
  for (const letter of bare) {
    if (letter === "{" || letter === "[") deepest = Math.max(deepest, ++level);
    if (letter === "}" || letter === "]") level -= 1;
  }
  if (deepest > 8) return "levels";
  if (text.includes('"\\u0000infinite"')) return "number";
  return Buffer.byteLength(JSON.stringify(metadata)) > 16_384 ? "bytes" : null;
}

const leaf = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom(null, true, "", "[{", '"]'),
);
const filler = fc
  .nat({ max: 18_000 })
  .map((length) => "ä\u0001x"[length % 3]?.repeat(length) ?? "");

/** A value within so many lists and objects. */
const wrapped = fc
  .tuple(leaf, fc.array(fc.boolean(), { minLength: 0, maxLength: 11 }))
  .map(([value, lists]) =>
    lists.reduce<unknown>((inner, list) => (list ? [0, inner] : { n: inner, "/~": "}" }), value),
  );

const metadata = fc
  .tuple(fc.dictionary(fc.string({ maxLength: 8 }), wrapped, { maxKeys: 4 }), filler, fc.nat(9))
  .map(([values, text, chance]) => ({ ...values, ...(chance < 4 ? { text } : {}) }));

/** The value at this place, as a reader of the pointer finds it. */
function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, name) => (inner as Record<string, unknown>)[name], value);
}

describe("metadata", () => {
  it("is refused exactly where a plain reading refuses it, and the place is told", async () => {
    const seen = new Map<string, number>();
    await holds(
      "metadata",
      [metadata, fc.nat(5)],
      (values, spoiled) => {
        const given =
          spoiled === 0 ? { ...values, last: { far: [Number.POSITIVE_INFINITY] } } : values;
        const rule = expected(given);
        const fault = metadataFault(given);
        seen.set(String(rule), (seen.get(String(rule)) ?? 0) + 1);
        expect(fault === null, JSON.stringify(fault)).toBe(rule === null);
        if (fault === null) return;
        if (/levels/.test(fault.message)) {
          expect(rule).toBe("levels");
          // The place is the first that is too deep: eight names lead there, to a list or an object.
          expect(fault.path).toHaveLength(8);
          expect(typeof at(given, fault.path)).toBe("object");
        }
        if (/finite/.test(fault.message)) expect(at(given, fault.path)).toBe(Infinity);
        if (/bytes/.test(fault.message)) expect([rule, fault.path]).toEqual(["bytes", []]);
      },
      RUNS,
    );
    console.log(`metadata: ${[...seen].map(([rule, times]) => `${rule} ${times}`).join(", ")}`);
    for (const rule of ["null", "levels", "bytes", "number"]) {
      expect(seen.get(rule), rule).toBeGreaterThan(RUNS / 100);
    }
  });

  it("is counted in bytes, not in letters", () => {
    const of = (letter: string, bytes: number) => {
      const size = Buffer.byteLength(JSON.stringify(letter)) - 2;
      const room = 16_384 + bytes - Buffer.byteLength('{"a":""}');
      const count = Math.floor(room / size);
      return { a: letter.repeat(count) + "x".repeat(room - count * size) };
    };
    for (const letter of ["x", "ä", "名", "😀", "\u0001", '"']) {
      expect(metadataFault(of(letter, 0)), letter).toBeNull();
      expect(metadataFault(of(letter, 1))?.path, letter).toEqual([]);
    }
  });
});

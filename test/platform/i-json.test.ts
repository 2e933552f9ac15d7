import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/platform/crypto/encoding.ts";
import { parseIJson, tokensOf } from "../../src/platform/i-json.ts";
import { Failure } from "../../src/platform/problems.ts";
import { holds } from "../support/property.ts";

/** What is wrong with a text, or null. */
function faultOf(text: string | Uint8Array): string | null {
  try {
    parseIJson(typeof text === "string" ? utf8(text) : text);
    return null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.code).toBe("malformed-json");
    return error.message;
  }
}

const TWICE = "The body has an object that uses a name twice.";
const HALF = "The body holds half of a surrogate pair.";
const PROTO = 'The body has an object with the name "__proto__".';
const DEEP = "The body is nested deeper than 64 levels.";
const NO_JSON = "The body is not valid JSON";

const nested = (levels: number, open = "[", close = "]") =>
  open.repeat(levels - 1) + (open === "[" ? "[]" : "{}") + close.repeat(levels - 1);

describe("I-JSON", () => {
  it.each([
    ["a name twice", '{"a":1,"a":1}', TWICE],
    ["a name twice, once with escapes", String.raw`{"ab":1,"\u0061\u0062":2}`, TWICE],
    ["a name twice, far apart and deep", '[{"x":{"a":{"b":[1]},"c":"a","a":2}}]', TWICE],
    ["an empty name twice", '{"":1,"":2}', TWICE],
    ["a high surrogate alone", String.raw`["\ud83d"]`, HALF],
    ["a low surrogate alone", String.raw`["\uDE00"]`, HALF],
    ["a pair the wrong way round", String.raw`["\ude00\ud83d"]`, HALF],
    ["a surrogate alone in a name", String.raw`{"\ud83d":1}`, HALF],
    ["__proto__", '{"__proto__":{"admin":true}}', PROTO],
    ["__proto__ with escapes", String.raw`{"a":[{"__pr\u006fto__":1}]}`, PROTO],
    ["65 lists", nested(65), DEEP],
    ["65 objects", nested(65, '{"a":', "}"), DEEP],
    ["10,000 lists", nested(10_000), DEEP],
    ["nothing", "", NO_JSON],
    ["half a document", '{"a":', NO_JSON],
    ["two documents", "{}{}", NO_JSON],
    ["a byte order mark", "\ufeff{}", "The body begins with a byte order mark."],
    ["NaN", "[NaN]", NO_JSON],
  ])("is not: %s", (_, text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  it("is not what is no UTF-8", () => {
    expect(faultOf(Uint8Array.of(0x22, 0xff, 0x22))).toBe(NO_JSON);
    // A surrogate in the bytes themselves.
    expect(faultOf(Uint8Array.of(0x22, 0xed, 0xa0, 0xbd, 0x22))).toBe(NO_JSON);
  });

  it.each([
    ["64 lists", nested(64)],
    ["64 objects", nested(64, '{"a":', "}")],
    ["many lists side by side", `[${"[[]],".repeat(100)}[]]`],
    ["one name in many objects", '[{"a":1},{"a":{"a":{"a":1}}},{"a":1}]'],
    ["a name that is also a value", '{"a":"a","b":["a","a"]}'],
    ["names that differ in case", '{"a":1,"A":2}'],
    ["__proto__ as a value", '["__proto__",{"a":"__proto__"}]'],
    ["other names that objects have", '{"constructor":1,"toString":2,"hasOwnProperty":3}'],
    ["a pair of surrogates", String.raw`{"\ud83d\ude00":"\uD83D\uDE00"}`],
    ["what looks like a lone surrogate", String.raw`["\\ud83d"]`],
    ["quotes and brackets in strings", String.raw`{"\"{":"}\\","[,":"\\\"]"}`],
    ["a plain value", " 12.5e3 "],
    ["numbers that no double holds", "[9007199254740993,1e400]"],
  ])("is: %s", (_, text) => {
    expect(parseIJson(utf8(text))).toEqual({ value: JSON.parse(text), text });
  });
});

/** Documents that I-JSON allows, and JSON.stringify() writes. */
const document = fc
  .json({ stringUnit: "binary", maxDepth: 6 })
  .filter((text) => !/__proto__/.test(text));
const blank = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 3 });
const name = fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => text !== "__proto__");

/** The same string with each of its letters written as an escape where `escaped` says so. */
function spelled(text: string, escaped: readonly boolean[]): string {
  const letters = [...text].map((letter, at) => {
    if (!escaped[at % Math.max(1, escaped.length)]) return JSON.stringify(letter).slice(1, -1);
    const units = Array.from({ length: letter.length }, (_, unit) => letter.charCodeAt(unit));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
  return `"${letters.join("")}"`;
}
const spelling = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });

/** Puts a text where a document has a value: the document stands beside it, deeper and shallower. */
const wrapped = (inner: string, beside: string, levels: number, space: string) =>
  Array.from({ length: levels }).reduce<string>(
    (text, _, level) =>
      level % 2 === 0
        ? `[${space}${beside},${text}${space}]`
        : `{${space}"x"${space}:${text},"y":1}`,
    inner,
  );
const place = [document, fc.nat(20), blank] as const;

describe("every generated document", () => {
  it("is understood as JSON.parse() does", async () => {
    await holds("i-json accepts", [document, blank], (text, space) => {
      const spaced = space + text + space;
      expect(parseIJson(utf8(spaced))).toEqual({ value: JSON.parse(spaced), text: spaced });
    });
  });

  it("whose tokens are taken away has numbers, words and blanks left", async () => {
    await holds("i-json tokens", [document, blank], (text, space) => {
      let rest = "";
      let from = 0;
      const spaced = space + text + space;
      for (const { mark, start, end } of tokensOf(spaced)) {
        const token = spaced.slice(start, end);
        if (mark === '"') expect(typeof JSON.parse(token)).toBe("string");
        else expect(token).toBe(mark);
        rest += `${spaced.slice(from, start)} `;
        from = end;
      }
      expect(rest + spaced.slice(from)).toMatch(/^[\s\deE.+-]*((true|false|null)[\s\deE.+-]*)*$/);
    });
  });

  it("is refused with a name planted twice, however it is spelled", async () => {
    await holds(
      "i-json duplicates",
      [name, spelling, spelling, document, ...place],
      (planted, first, second, between, beside, levels, space) => {
        const object = `{${spelled(planted, first)}:${between},"-other-":0,${space}${spelled(planted, second)}:1}`;
        expect(faultOf(wrapped(object, beside, levels, space))).toBe(TWICE);
        const single = `{${spelled(planted, first)}:${between}}`;
        expect(faultOf(wrapped(single, beside, levels, space))).toBe(null);
      },
    );
  });

  it("is refused with half of a surrogate pair planted, in a name or in a value", async () => {
    const half = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => `\\u${unit.toString(16)}`);
    await holds(
      "i-json surrogates",
      [half, fc.string({ maxLength: 5 }), fc.boolean(), ...place],
      (planted, around, inName, beside, levels, space) => {
        const text = JSON.stringify(around).slice(1, -1);
        const string = `"${text}${planted}${text}"`;
        const object = inName ? `{${string}:1}` : `{"a":${string}}`;
        expect(faultOf(wrapped(object, beside, levels, space))).toBe(HALF);
      },
    );
  });

  it("is refused with __proto__ planted, however it is spelled", async () => {
    await holds("i-json proto", [spelling, ...place], (escaped, beside, levels, space) => {
      const object = `{"a":1,${spelled("__proto__", escaped)}:{}}`;
      expect(faultOf(wrapped(object, beside, levels, space))).toBe(PROTO);
    });
  });

  it("is refused from 65 levels on, and not before", async () => {
    await holds("i-json depth", [fc.integer({ min: 50, max: 80 }), blank], (levels, space) => {
      const fault = faultOf(wrapped("[]", "7", levels - 1, space));
      expect(fault).toBe(levels > 64 ? DEEP : null);
    });
  });
});

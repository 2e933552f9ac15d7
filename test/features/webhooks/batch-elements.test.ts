/** Where the events of a batch begin and end, as text. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementsOf } from "../../../src/features/webhooks/batch-elements.ts";
import { holds } from "../../support/property.ts";

describe("the elements of a batch", () => {
  const blank = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 3 });
  const value = fc.json({ stringUnit: "binary", maxDepth: 3 });
  const name = fc.string({ unit: "grapheme", maxLength: 6 }).filter((text) => text !== "events");
  const escapedName = fc.constantFrom(
    '"events"',
    String.raw`"\u0065vents"`,
    String.raw`"ev\u0065nt\u0073"`,
  );
  const list = fc.array(fc.tuple(blank, value, blank), { maxLength: 6 });
  const listText = (parts: readonly (readonly string[])[], space: string) =>
    `[${parts.length === 0 ? space : parts.map((part) => part.join("")).join(",")}]`;

  it("are the texts that their sender wrote", async () => {
    await holds("batch list", [list, blank], (parts, space) => {
      const text = space + listText(parts, space) + space;
      const elements = elementsOf(text);
      expect(elements).toEqual(parts.map(([, element]) => element?.trim()));
      expect(elements?.map((each) => JSON.parse(each))).toEqual(JSON.parse(text));
    });
  });

  it("are found among whatever else an object has", async () => {
    const others = fc.array(fc.tuple(name, value), { maxLength: 4 });
    await holds(
      "batch object",
      [list, escapedName, others, others, blank],
      (parts, events, before, after, space) => {
        const member = ([key, text]: [string, string]) =>
          `${space}${JSON.stringify(key)}${space}:${space}${text}${space}`;
        const members = [
          ...before.map(member),
          `${space}${events}${space}:${space}${listText(parts, space)}${space}`,
          ...after.map(member),
        ];
        const text = `${space}{${members.join(",")}}${space}`;
        const elements = elementsOf(text);
        expect(elements).toEqual(parts.map(([, element]) => element?.trim()));
        expect(elements?.map((each) => JSON.parse(each))).toEqual(JSON.parse(text).events);
      },
    );
  });

  it("are none where there is no list", async () => {
    const others = fc.array(fc.tuple(name, value), { maxLength: 4 });
    const inner = fc.constantFrom('{"events":[1]}', '"events"', "[[1]]", "7", "null");
    await holds("batch none", [others, inner, blank], (members, inside, space) => {
      const all = [
        ...members.map(([key, text]) => `${JSON.stringify(key)}:${text}`),
        `"x":${inside}`,
      ];
      expect(elementsOf(`${space}{${all.join(`,${space}`)}}`)).toBeNull();
    });
    for (const text of ["1", '"[1]"', "null", '{"events":{"a":[1]}}', '{"events":1,"a":[2]}']) {
      expect(elementsOf(text), text).toBeNull();
    }
  });
});

import { describe, expect, it } from "vitest";
import { jsonDifference, textDifference } from "./shown-output.ts";

describe("textDifference", () => {
  it.each([
    ["the same", "a\nb", "a\nb"],
    ["trailing blanks", "a\nb", "a  \nb\n\n"],
    ["a part that varies", "id: user_… made", "id: user_01h9 made"],
    ["a part that varies and is empty", "a…b", "ab"],
    ["lines that vary", "first\n…\nlast", "first\n2\n3\nlast"],
    ["lines that vary and are none", "first\n…\nlast", "first\nlast"],
    ["lines that vary at the end", "first\n…", "first\n2\n3"],
    ["anything", "…", ""],
    [
      "characters that mean something in patterns",
      "a.*(b) [c] $1 \\d ^|?+{2}",
      "a.*(b) [c] $1 \\d ^|?+{2}",
    ],
  ])("accepts %s", (_, shown, printed) => {
    expect(textDifference(shown, printed)).toBeUndefined();
  });

  it.each([
    ["other words", "hello", "hallo"],
    ["a line too many", "a", "a\nb"],
    ["a line too few", "a\nb", "a"],
    ["nothing printed", "a", ""],
    ["words before", "b", "a b"],
    ["a dot that is no wildcard", "a.c", "abc"],
    ["a part that varies over lines", "a…b", "a\nb"],
    ["another end", "first\n…\nlast", "first\n2"],
    ["other case", "OK", "ok"],
  ])("refuses %s", (_, shown, printed) => {
    expect(textDifference(shown, printed)).toContain(`printed:\n${printed}`);
  });
});

describe("jsonDifference", () => {
  it.each([
    ["other formatting", '{"a": [1, 2]}', '{ "a":[1,2] }\n'],
    ["another order of members", '{"a": 1, "b": 2}', '{"b":2,"a":1}'],
    ["a part of a string that varies", '{"id": "user_…"}', '{"id":"user_01h9"}'],
    ["a string of several lines", '"a…b"', '"a\\nb"'],
    ["any value", '{"a": "…", "b": "…", "c": "…"}', '{"a":17,"b":null,"c":{"d":[]}}'],
    ["further members", '{"a": 1, "…": "…"}', '{"a":1,"b":2}'],
    ["further elements", '[1, "…"]', "[1,2,3]"],
    ["no further elements", '[1, "…"]', "[1]"],
    ["nested", '{"a": [{"b": "x…"}]}', '{"a":[{"b":"xy"}]}'],
  ])("accepts %s", (_, shown, printed) => {
    expect(jsonDifference(shown, printed)).toBeUndefined();
  });

  it.each([
    ["another value", '{"a": {"b": 1}}', '{"a":{"b":2}}', "$.a.b is 2, shown is 1"],
    ["another type", '{"a": 1}', '{"a":"1"}', "$.a"],
    ["null for an object", '{"a": {}}', '{"a":null}', "$.a"],
    ["a list for an object", '{"a": {}}', '{"a":[]}', "$.a"],
    ["a member that is not shown", '{"a": 1}', '{"a":1,"b":2}', "$.b is not shown"],
    ["a missing member", '{"a": 1, "b": "…"}', '{"a":1}', "$.b is missing"],
    ["a missing member among further ones", '{"a": 1, "…": "…"}', '{"b":1}', "$.a is missing"],
    ["an inherited name", '{"toString": "…"}', "{}", "$.toString is missing"],
    ["another string", '"user_…"', '"admin_1"', "$ is"],
    ["too many elements", "[1]", "[1,2]", "$ has 2 elements, not 1"],
    ["too few elements", '[1, 2, "…"]', "[1]", "not 2 or more"],
    ["no JSON", "{}", "curl: (7) Failed to connect", "printed no JSON"],
    ["JSON with words around it", "{}", "HTTP/1.1 200 OK\n{}", "printed no JSON"],
    ["nothing", "{}", "", "printed no JSON"],
  ])("refuses %s", (_, shown, printed, message) => {
    expect(jsonDifference(shown, printed)).toContain(message);
  });

  it("does not hide a mistake in the page", () => {
    expect(() => jsonDifference("{ id: 1 }", "{}")).toThrow(SyntaxError);
  });
});

import { describe, expect, it } from "vitest";
import { extractTour } from "./tour.ts";

function page(...lines: string[]): string {
  return ["# Page", "<!-- tour:start -->", ...lines, "<!-- tour:end -->", "after"].join("\n");
}

describe("extractTour", () => {
  it("finds commands with the output that follows them, and their lines", () => {
    const markdown = page(
      "Say hello:",
      "```bash",
      "echo hello",
      "```",
      "It answers:",
      "```text",
      "hello",
      "```",
      "```bash",
      "X=1",
      "```",
      "```bash",
      "echo '{}'",
      "```",
      "",
      "```json",
      "{}",
      "```",
    );
    expect(extractTour(markdown)).toEqual([
      { line: 5, bash: "echo hello", shown: { language: "text", content: "hello" } },
      { line: 12, bash: "X=1" },
      { line: 15, bash: "echo '{}'", shown: { language: "json", content: "{}" } },
    ]);
  });

  it("leaves out what stands outside the markers, and reads several tours", () => {
    const outside = ["```bash", "npm start", "```"].join("\n");
    const two = `${outside}\n${page("```bash", "a", "```")}\n${outside}\n${page("~~~bash", "b", "~~~")}`;
    expect(extractTour(two).map(({ bash }) => bash)).toEqual(["a", "b"]);
  });

  it("does not end a block at a shorter or another fence, nor at a marker in it", () => {
    const markdown = page("````bash", "```", "~~~", "<!-- tour:end -->", "````");
    expect(extractTour(markdown)[0]?.bash).toBe("```\n~~~\n<!-- tour:end -->");
  });

  it("takes the indentation of a list off", () => {
    const markdown = page(
      "1. First:",
      "   ```bash",
      "   if true; then",
      "     echo a",
      "   fi",
      "   ```",
    );
    expect(extractTour(markdown)[0]?.bash).toBe("if true; then\n  echo a\nfi");
  });

  it("reads pages with Windows line ends", () => {
    expect(extractTour(page("```bash", "a", "b", "```").replaceAll("\n", "\r\n"))[0]?.bash).toBe(
      "a\nb",
    );
  });

  it.each([
    ["no markers", "```bash\na\n```", "no tour"],
    ["no bash block", page("words"), "no tour"],
    ["an unknown language", page("```sh", "a", "```"), 'not "sh"'],
    ["no language", page("```", "a", "```"), 'not ""'],
    ["output before commands", page("```json", "{}", "```"), "no bash block"],
    [
      "two outputs",
      page("```bash", "a", "```", "```text", "a", "```", "```text", "b", "```"),
      "no bash block",
    ],
    ["an unclosed block", page("```bash", "a"), "never closed"],
    ["an unclosed tour", "<!-- tour:start -->\n```bash\na\n```", "has no"],
    ["an end without a start", "<!-- tour:end -->", "out of order"],
    ["a start within a tour", page("<!-- tour:start -->"), "out of order"],
  ])("refuses %s", (_, markdown, message) => {
    expect(() => extractTour(markdown)).toThrow(message);
  });
});

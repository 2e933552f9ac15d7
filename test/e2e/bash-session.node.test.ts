import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";
import { runBlocks } from "./bash-session.ts";

describe("runBlocks", () => {
  it("runs all blocks in one session and tells their output apart", async () => {
    const results = await runBlocks([
      'X=1\nf() { echo "f $X"; }',
      "f",
      "printf 'no newline'",
      "f >&2",
    ]);
    expect(results).toEqual([
      { printed: "", ok: true },
      { printed: "f 1\n", ok: true },
      { printed: "no newline", ok: true },
      { printed: "f 1\n", ok: true },
    ]);
  });

  it("reports the block that fails, and runs none after it", async () => {
    const results = await runBlocks(["echo a", "echo b\nfalse\necho c", "echo d"]);
    expect(results).toEqual([
      { printed: "a\n", ok: true },
      { printed: "b\n", ok: false },
      { printed: "", ok: false },
    ]);
  });

  it.each([
    ["an unset variable", 'echo "$NOT_SET_ANYWHERE"'],
    ["a failure inside a pipe", "false | cat"],
    ["an unknown command", "no-such-command-at-all"],
    ["a syntax error", "if true"],
    ["an exit", "exit 0"],
    ["a failed substitution", "X=$(false)"],
  ])("counts %s as a failure", async (_, block) => {
    expect((await runBlocks([block])).map(({ ok }) => ok)).toEqual([false]);
  });

  it("does not let a block read the ones after it", async () => {
    const results = await runBlocks(["cat", "echo b"]);
    expect(results.map(({ printed }) => printed)).toEqual(["", "b\n"]);
  });

  it("finds the packages that it is given, and leaves them", async () => {
    const packages = join(ROOT, "node_modules");
    const block = "node -p \"typeof require('zod').z\"";
    expect((await runBlocks([block], 60_000, packages))[0]).toEqual({
      printed: "object\n",
      ok: true,
    });
    expect((await runBlocks([block]))[0]?.ok).toBe(false);
    expect(existsSync(join(packages, "zod"))).toBe(true);
  });

  it("gives up on a block that never ends", async () => {
    const results = await runBlocks(["echo a", "sleep 30"], 500);
    expect(results.map(({ ok }) => ok)).toEqual([true, false]);
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";
import { type App, startApp } from "../support/app-server.node.ts";
import { type BlockResult, runBlocks } from "./bash-session.ts";
import { jsonDifference, textDifference } from "./shown-output.ts";
import { extractTour } from "./tour.ts";

const tour = extractTour(readFileSync(join(ROOT, "README.md"), "utf8"));

describe("the tour in README.md", () => {
  let app: App;
  let results: BlockResult[];

  beforeAll(async () => {
    app = await startApp();
    results = await runBlocks(tour.map(({ bash }) => onPort(bash)));
  }, 180_000);

  afterAll(() => app?.stop());

  /** The page says 8787, which may be taken here. */
  function onPort(text: string): string {
    return text.replaceAll("localhost:8787", `localhost:${app.port}`);
  }

  it.each(tour.map((block, index) => ({ ...block, index })))("line $line", ({ index, shown }) => {
    const { ok, printed } = results[index] as BlockResult;
    expect(ok, `a command failed, or an earlier block did; printed:\n${printed}`).toBe(true);
    if (shown?.language === "text") {
      expect(textDifference(onPort(shown.content), printed)).toBeUndefined();
    }
    if (shown?.language === "json") {
      expect(jsonDifference(onPort(shown.content), printed)).toBeUndefined();
    }
  });
});

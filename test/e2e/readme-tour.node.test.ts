import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../../scripts/lib/http.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { DEMO } from "../../scripts/lib/seed.ts";
import { type App, startApp } from "../support/app-server.node.ts";
import { type BlockResult, runBlocks } from "./bash-session.ts";
import { jsonDifference, textDifference } from "./shown-output.ts";
import { extractTour } from "./tour.ts";

const page = readFileSync(join(ROOT, "README.md"), "utf8");
const tour = extractTour(page);

/** Longer than the tour waits for anything itself. */
const TIMEOUT_MS = 300_000;

const run = (blocks: readonly string[]) =>
  runBlocks(blocks, TIMEOUT_MS, join(ROOT, "node_modules"));

describe("the tour in README.md", () => {
  let app: App;
  let results: BlockResult[];

  beforeAll(async () => {
    app = await startApp();
    results = await run(tour.map(({ bash }) => onPort(bash)));
  }, TIMEOUT_MS + 90_000);

  afterAll(() => app?.stop());

  /** The page says 8787, which may be taken here. */
  function onPort(text: string): string {
    return text.replaceAll("localhost:8787", `localhost:${app.port}`);
  }

  // Readers have openssl nearly everywhere, and need it for nothing else.
  it.skipIf(spawnSync("bash", ["-c", "command -v openssl"]).status !== 0)(
    "is followed by commands that sign as producers do",
    async () => {
      const [, commands = "exit 1"] =
        /^<!-- producer -->\n```bash\n([\s\S]*?)^```$/m.exec(page) ?? [];
      const secret = "a-secret-of-producers";
      const url = await addService("producer", { scheme: "generic", secrets: [secret] });
      const settings = `URL=${url}\nSECRET=${secret}`;
      const answers = (await run([settings, commands, commands])).map(({ printed }) => printed);
      expect(answers[1]).toContain('"status":"accepted"');
      expect(answers[2]).toContain('"status":"duplicate"');
    },
    TIMEOUT_MS,
  );

  /** A service of the demo tenant; returns where its webhooks go. */
  async function addService(slug: string, webhook: unknown): Promise<string> {
    const to = { port: app.port, door: `${DEMO.slug}.localhost`, method: "POST" };
    const login = { email: DEMO.admin, password: DEMO.password };
    const signedIn = await send({ ...to, path: "/api/v1/auth/login", body: login });
    const headers = { authorization: `Bearer ${JSON.parse(signedIn.text).access_token}` };
    const body = { slug, name: slug, webhook };
    const made = await send({ ...to, path: "/api/v1/services", body, headers });
    return JSON.parse(made.text).webhook.url;
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

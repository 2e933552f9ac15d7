import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Plan } from "../../scripts/lib/deploy/plan.ts";
import type { Site } from "../../scripts/lib/deploy/site.ts";
import { smokeTest } from "../../scripts/lib/deploy/smoke-test.ts";
import type { Tools } from "../../scripts/lib/deploy/tools.ts";
import { connect } from "../../scripts/lib/operators-api.ts";

const NEW = "1.2.0+2871fe2c61cf";
const OLD = "1.1.0+024fd8200000";

/** What each path answers; a cell answers from inside, so each has a version of its own. */
let answers: Record<string, unknown>;
let server: Server;
let site: Site;

const cell = (version: string | undefined, bound = 3) => ({ bound, version });

beforeEach(async () => {
  answers = {
    "POST /api/v1/auth/login": { access_token: "token", expires_in: 900 },
    "GET /health": { version: NEW },
    "GET /ready": { status: "ok" },
    "PUT /api/v1/cells/main": cell(NEW),
    "PUT /api/v1/cells/eu": cell(NEW),
  };
  server = createServer((request, response) => {
    const answer = answers[`${request.method} ${request.url}`];
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const destination = {
    origin: new URL("https://rowhouse.example"),
    via: new URL(`http://127.0.0.1:${port}`),
  };
  const credentials = { email: "operator@house.example", password: "a-long-enough-passphrase" };
  site = { destination, credentials, operators: connect(destination, credentials) };
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

/** @returns what it has said of a deployment of two cells */
async function test(): Promise<string[]> {
  const said: string[] = [];
  const cells = ["main", "eu"].map((name) => ({ name, config: {}, size: 3, cell: { name } }));
  const plan = { environment: {}, version: NEW, cells, router: undefined };
  const api = { call: async () => ({ bindings: [] }) };
  const tools = { api, patienceMs: 0, say: (line: string) => said.push(line.trim()) };
  await smokeTest(plan as unknown as Plan, site, tools as unknown as Tools);
  return said;
}

describe("the smoke test of a deploy", () => {
  it("asks every cell what it runs", async () => {
    expect(await test()).toEqual([
      "Smoke test at https://rowhouse.example.",
      "its databases are those of before: well",
      "the platform's door has the new version: well",
      "the platform's door is ready: well",
      "the cell main has the new version and its 3 databases: well",
      "the cell eu has the new version and its 3 databases: well",
    ]);
  });

  it.each([
    ["its own old code", "PUT /api/v1/cells/eu", cell(OLD), `the cell eu .*: it is ${OLD}, not `],
    [
      "code that did not tell yet",
      "PUT /api/v1/cells/eu",
      cell(undefined),
      "it is an older one, not ",
    ],
    ["fewer databases", "PUT /api/v1/cells/eu", cell(NEW, 2), "the cell eu .*: it has 2"],
    ["an old home cell", "GET /health", { version: OLD }, `the platform's door .*: it is ${OLD}`],
  ])("does not pass a deployment that has %s", async (_, path, answer, sentence) => {
    answers[path] = answer;
    await expect(test()).rejects.toThrow(new RegExp(sentence.replaceAll("+", "\\+")));
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { reasonIn } from "../../scripts/tenants/exec-databases.ts";
import { whenPurged } from "../../scripts/tenants/purge.ts";
import type { Tenant } from "../../scripts/tenants/tenant.ts";
import { type CliOptions, tenantsCli } from "../support/tenants-cli.node.ts";

/** What `npm run tenants` says where nobody has to answer. */
describe("npm run tenants, told wrongly", { timeout: 30_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), "rowhouse-refused-"));
  const env = { ROWHOUSE_STATE: join(home, "state"), ROWHOUSE_URL: "http://localhost:1" };
  const run = (args: readonly string[], options: CliOptions = {}) =>
    tenantsCli(args, { env, ...options });

  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it.each([
    [["dance"], 2, /^There is no command "dance"/],
    [["toString"], 2, /^There is no command "toString"/],
    [["show"], 2, /^It takes SLUG\.\nUsage: npm run tenants -- show SLUG\n$/],
    [["show", "a", "b"], 2, /^It takes SLUG\./],
    [["list", "--loud"], 2, /^Unknown option '--loud'\.?\nUsage: /],
    [["create", "some", "--name", "Some"], 2, /^It needs --name and --admin-email\.\nUsage: /],
    [["exec", "acme", "SELECT 1"], 2, /^It needs --reason\.\nUsage: /],
    [["exec", "acme", "SELECT 1", "--reason", "x", "--env", "a"], 2, /^--env goes with --remote\./],
    [["exec", "acme", "DROP TABLE users", "--reason", "x"], 1, /^Only rows are read and changed/],
    [["migrate", "--concurrency", "lots"], 2, /^--concurrency is a whole number\./],
    [["help", "dance"], 2, /^There is no command "dance"\.\n\nnpm run tenants -- COMMAND\n/],
    [["import", "nothing.ndjson"], 1, /^There is no nothing\.ndjson\.\n$/],
    [["import", "package.json", "--abandon"], 1, /^package\.json is no archive: it does not/],
    [["import", "a", "--abandon", "--resume"], 2, /^--resume and --abandon exclude each other\./],
    [["move", "acme"], 2, /^It needs --reason\.\nUsage: .* \| move SLUG --abandon\n$/],
    [["migrate", "--resume", "--canary", "acme"], 2, /^A run that is resumed keeps/],
  ] as const)("says what is wrong with %j", async (args, status, sentence) => {
    const ended = await run(args);
    expect(ended.stderr).toMatch(sentence);
    expect([ended.status, ended.stdout]).toEqual([status, ""]);
  });

  it.each([
    [
      { ROWHOUSE_URL: "http://localhost:1" },
      /^http:\/\/localhost:1 does not answer \(ECONNREFUSED\)\.\nROWHOUSE_URL .* `npm start` starts it/,
    ],
    [
      { ROWHOUSE_URL: "http://rowhouse.example" },
      /^ROWHOUSE_URL must begin with https:\/\/ outside/,
    ],
    [{ ROWHOUSE_URL: "localhost:8787" }, /^ROWHOUSE_URL must be an origin/],
    [{ ROWHOUSE_URL: "https://rowhouse.example" }, /^Set ROWHOUSE_OPERATOR_EMAIL and/],
    [{ ROWHOUSE_OPERATOR_EMAIL: "operator@rowhouse.test" }, /^Set ROWHOUSE_OPERATOR_EMAIL and/],
  ])("says what is wrong with the surroundings %j", async (settings, sentence) => {
    const ended = await run(["list"], { env: { ...env, ...settings } });
    expect(ended.stderr.trim()).toMatch(sentence);
    expect([ended.status, ended.stdout]).toEqual([1, ""]);
  });

  it("helps", async () => {
    const { status, stdout } = await run(["help"]);
    expect(status).toBe(0);
    for (const name of ["list", "create", "purge", "exec"]) expect(stdout).toContain(`  ${name} `);
    expect((await run(["help", "purge"])).stdout).toMatch(/^npm run tenants -- purge SLUG \[--yes/);
    expect((await run(["help", "deactivate"])).stdout).toContain("`activate` opens it again");
  });

  it("shows that it waits for a purge", async () => {
    const states = ["purging", "purging", "purged"];
    const tenant = { slug: "ruin" } as Tenant;
    const told: string[] = [];
    const purged = await whenPurged(
      { call: async <T>() => ({ ...tenant, state: states.shift() }) as T },
      { ...tenant, state: "purging" },
      {
        progress: (label) => ({
          to: (done) => void told.push(`${label}: ${done}`),
          end: () => void told.push("end"),
        }),
      },
      0,
    );
    expect([purged.state, states]).toEqual(["purged", []]);
    expect(told).toEqual([...Array(3).fill("Erasing ruin, a part each minute; seconds: 0"), "end"]);
  });

  it("does not choose the databases of this machine, or of another, for somebody", async () => {
    const away = { ...env, ROWHOUSE_URL: "https://rowhouse.example" };
    const exec = ["exec", "acme", "SELECT 1", "--reason", "T1"];
    const dialled = { ...away, ROWHOUSE_DIAL: "http://127.0.0.1:1" };
    for (const settings of [away, dialled]) {
      const refused = await run(exec, { env: settings });
      expect(refused.stderr).toMatch(/^ROWHOUSE_URL is not this machine: say --remote .*\nUsage: /);
      expect(refused.status).toBe(2);
    }
    // Nobody has ever been in this state.
    const local = await run([...exec, "--local"], { env: away });
    expect(local.stderr).toMatch(/^There are no tenants in .*state\.\n/);
    expect(local.stderr).toContain(env.ROWHOUSE_STATE);
    expect(local.stderr).toMatch(/start:cells` has its own, .*\.rowhouse\/cells\.\n$/);
    expect(local.status).toBe(1);
  });

  const failed = (error: unknown) => `Some warning.\n${JSON.stringify({ error }, null, 2)}\n\n`;
  const refusedBy = (text: string) =>
    failed({ text: "A request to the Cloudflare API failed.", notes: [{ text }], code: 7500 });

  it.each([
    [failed({ text: "no such table: nowhere" }), "Nothing was changed: no such table: nowhere"],
    [
      refusedBy("no such table: nowhere: SQLITE_ERROR [code: 7500]"),
      "Nothing was changed: A request to the Cloudflare API failed.\n" +
        "  no such table: nowhere: SQLITE_ERROR [code: 7500]",
    ],
    [
      refusedBy("bad JSON path: 'stale:another tenant''s database'"),
      "The database is another tenant's: nothing was changed.",
    ],
    ["  It was killed.\n", "Nothing was changed: It was killed."],
  ])("tells the cause that wrangler knows: %j", (output, sentence) => {
    expect(reasonIn(output)).toBe(sentence);
  });
});

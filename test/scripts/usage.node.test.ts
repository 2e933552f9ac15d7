import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";

/** Runs a script as somebody who has set nothing. */
function run(script: string, ...args: string[]) {
  const hidden = /^(VITEST|NODE_OPTIONS|NODE_V8_COVERAGE|CLOUDFLARE_|ROWHOUSE_|MASTER_KEY)/;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !hidden.test(name)),
  );
  return spawnSync(process.execPath, [join(ROOT, "scripts", script), ...args], {
    env,
    encoding: "utf8",
  });
}

describe("how a command is called", () => {
  it.each([
    ["deploy.ts", ["--help"]],
    ["pool.ts", ["--help"]],
    ["pool.ts", ["grow", "-h"]],
    ["pool.ts", []],
  ])("is said by %s %j", (script, args) => {
    const { status, stdout, stderr } = run(script, ...args);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Usage: npm run ${script.replace(".ts", "")} -- `);
  });

  it.each([
    "shrink",
    "status 5",
    "retired main",
    "grow 5",
    "grow 5 --cell main --low",
    "grow --low --cell main",
    "grow 5 6 --cell main",
  ])("is said by `pool %s`, which is no such way", (line) => {
    const { status, stdout, stderr } = run("pool.ts", ...line.split(" "));
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("Usage: npm run pool -- ");
  });

  it("is asked for before anybody's password", () => {
    expect(run("pool.ts", "grow", "0", "--cell", "main").stderr).toContain("1 to 5000 databases");
    expect(run("pool.ts", "status").stderr).toContain("Set ROWHOUSE_OPERATOR_EMAIL");
  });
});

/**
 * `npm test` with the long versions of the races and the random tests (DEEP=1), then the Worker's tests
 * once more on the schema of the release before (SCHEMA=previous). A script and not inline variables,
 * because `DEEP=1 npm test` means nothing to the Windows shell.
 */
import { spawnSync } from "node:child_process";
import { argv, env, exit, platform } from "node:process";

const onWindows = platform === "win32";

/** @returns its exit code */
function run(command, settings) {
  const { status } = spawnSync("npm", command, {
    stdio: "inherit",
    shell: onWindows,
    env: { ...env, ...settings },
  });
  return status ?? 1;
}

const full = run(["test", ...argv.slice(2)], { DEEP: "1" });
const before = ["worker", "shared", "unit"].flatMap((project) => ["--project", project]);
const previous = run(["exec", "--", "vitest", "run", ...before], { SCHEMA: "previous" });
exit(full || previous);

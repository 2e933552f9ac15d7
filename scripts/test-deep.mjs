/**
 * `npm test` with the long versions of the races and the random tests (DEEP=1). A script and not an inline
 * variable, because `DEEP=1 npm test` means nothing to the Windows shell.
 */
import { spawnSync } from "node:child_process";
import { argv, env, exit, platform } from "node:process";

const { status } = spawnSync("npm", ["test", ...argv.slice(2)], {
  stdio: "inherit",
  shell: platform === "win32",
  env: { ...env, DEEP: "1" },
});
exit(status ?? 1);

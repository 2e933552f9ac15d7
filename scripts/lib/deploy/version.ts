import { spawnSync } from "node:child_process";
import { ROOT } from "../paths.ts";
import { readVersion } from "../render-config.ts";

/**
 * What `/health` will tell of this checkout: the version of package.json and the commit, such as
 * `1.2.0+2871fe2c61cf`, and `.changed` where files differ from that commit.
 */
export function checkoutVersion(): string {
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (!commit) return readVersion();
  const changes = git("status", "--porcelain", "--untracked-files=no");
  return `${readVersion()}+${commit}${changes ? ".changed" : ""}`;
}

/** @returns undefined where there is no git, or no repository */
function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../paths.ts";
import { readVersion } from "../render-config.ts";

/** What Workers are built of: the code, the SQL in it, their settings and the packages. */
const SOURCES = ["src", "migrations", "wrangler.toml", "package.json", "package-lock.json"];

/**
 * What `/health` will tell of a checkout: the version of package.json and the commit, such as
 * `1.2.0+2871fe2c61cf`. Where that does not say what is built, because files differ from the commit or
 * there is no git, a digest of the sources does: `1.2.0+2871fe2c61cf.changed.0b1c2d3e`,
 * `1.2.0+sources.0b1c2d3e`. So two versions that are equal are the same code.
 */
export function checkoutVersion(root = ROOT): string {
  const version = readVersion(join(root, "package.json"));
  const commit = git(root, "rev-parse", "--short=12", "HEAD");
  if (!commit) return `${version}+sources.${sourcesDigest(root)}`;
  const changes = git(root, "status", "--porcelain", "--untracked-files=no");
  return `${version}+${commit}${changes ? `.changed.${sourcesDigest(root)}` : ""}`;
}

/** @returns undefined where there is no git, or no repository */
function git(root: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** 8 hexadecimal digits that follow from the names and bytes of all sources. */
function sourcesDigest(root: string): string {
  const digest = createHash("sha256");
  for (const path of SOURCES.flatMap((source) => filesIn(root, source))) {
    const bytes = readFileSync(join(root, path));
    digest.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return digest.digest("hex").slice(0, 8);
}

/** A file, or all files of a directory, in the same order on every machine. */
function filesIn(root: string, path: string): string[] {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  const names = readdirSync(join(root, path)).sort();
  return names.flatMap((name) => filesIn(root, `${path}/${name}`));
}

/** What the workflows of .github ask git and the deployment, run as a runner does: `bash -e`. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";

let directory: string;
/** Commits, the first one first; `side` is on a branch that was never merged. */
let commits: { first: string; second: string; third: string; side: string };

function git(...args: string[]): string {
  const who = ["-c", "user.name=Ada", "-c", "user.email=ada@house.example"];
  const { status, stdout, stderr } = spawnSync("git", [...who, ...args], {
    cwd: directory,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

function commit(message: string): string {
  git("commit", "--quiet", "--allow-empty", "--message", message);
  return git("rev-parse", "HEAD");
}

/** A program that stands in for another one of the runner's. */
function program(name: string, code: string): void {
  writeFileSync(join(directory, "bin", name), `#!/usr/bin/env node\n${code}\n`);
  chmodSync(join(directory, "bin", name), 0o755);
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "rowhouse-"));
  git("init", "--quiet", "--initial-branch=main");
  const [first, second] = [commit("first"), commit("second")];
  git("checkout", "--quiet", "-b", "side");
  const side = commit("side");
  git("checkout", "--quiet", "main");
  commits = { first, second, third: commit("third"), side };
  git("update-ref", "refs/remotes/origin/main", "main");
  git("config", "advice.detachedHead", "false");
  spawnSync("mkdir", [join(directory, "bin")]);
  program("curl", "process.env.HEALTH ? console.log(process.env.HEALTH) : process.exit(22)");
  program("jq", "console.log(JSON.parse(require('node:fs').readFileSync(0, 'utf8')).version)");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeEach(() => void git("checkout", "--quiet", "main"));

/** Runs the step of a workflow that has this name, with what `/health` tells as its version. */
function step(workflow: string, name: string, version?: string) {
  const text = readFileSync(join(ROOT, ".github", "workflows", `${workflow}.yml`), "utf8");
  const after = text.slice(text.indexOf(`- name: ${name}\n`));
  const block = /^ {8}run: \|\n((?: {10}.*\n)+)/m.exec(after)?.[1];
  if (!text.includes(`- name: ${name}\n`) || !block) throw new Error(`No step ${name}.`);
  const output = join(directory, "output");
  writeFileSync(output, "");
  const { status, stdout } = spawnSync("bash", ["-e", "-c", block], {
    cwd: directory,
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${join(directory, "bin")}${delimiter}${process.env.PATH}`,
      ROWHOUSE_URL: "https://rowhouse.example",
      GITHUB_OUTPUT: output,
      HEALTH: version === undefined ? "" : JSON.stringify({ version }),
    },
  });
  return { status, said: stdout, output: readFileSync(output, "utf8") };
}

const versionOf = (commit: string) => `1.2.0+${commit.slice(0, 12)}`;

describe("a deploy after CI", () => {
  const compare = (version?: string) => step("deploy", "Compare with what is deployed", version);

  it("goes on where an older commit is deployed, or the same", () => {
    const changed = `${versionOf(commits.first)}.changed.0b1c2d3e`;
    for (const version of [versionOf(commits.first), versionOf(commits.third), changed]) {
      expect(compare(version)).toEqual({ status: 0, said: "", output: "" });
    }
  });

  it("ends quietly where a newer one is, or one of another branch", () => {
    git("checkout", "--quiet", commits.second);
    for (const other of [commits.third, commits.side]) {
      const { status, said, output } = compare(versionOf(other));
      expect([status, output]).toEqual([0, "stays=yes\n"]);
      expect(said).toContain(`::notice::${other.slice(0, 12)} is deployed`);
    }
  });

  it.each([
    ["nothing", undefined],
    ["no commit", "1.2.0"],
    ["a digest of sources", "1.2.0+sources.0b1c2d3e"],
    ["a commit that nobody has", "1.2.0+0123456789ab"],
  ])("fails where /health tells %s", (_, version) => {
    const { status, said } = compare(version);
    expect(status).toBe(1);
    expect(said).toMatch(/^::error::.*Start this workflow by hand\.$/m);
  });

  it("has a way back by hand, to commits of main alone", () => {
    const require = () => step("deploy", "Require a commit of main");
    git("checkout", "--quiet", commits.first);
    expect(require().status).toBe(0);
    git("checkout", "--quiet", commits.side);
    expect(require()).toMatchObject({
      status: 1,
      said: `::error::${commits.side} is no commit of main.\n`,
    });
  });
});

describe("a growth of the pool", () => {
  const look = (version?: string) => step("grow-pool", "Check out what is deployed", version);

  it("checks out what is deployed", () => {
    expect(look(versionOf(commits.second)).status).toBe(0);
    expect(git("rev-parse", "HEAD")).toBe(commits.second);
  });

  it("says why it cannot", () => {
    const side = versionOf(commits.side);
    const changed = `${versionOf(commits.first)}.changed.0b1c2d3e`;
    for (const version of [undefined, "1.2.0", side, changed]) {
      const { status, said } = look(version);
      expect(status).toBe(1);
      expect(said).toContain("::error::https://rowhouse.example/health tells no commit of main");
    }
    expect(git("rev-parse", "--abbrev-ref", "HEAD")).toBe("main");
  });
});

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OWN_GROUP, stopGroup } from "../../scripts/lib/process-group.ts";

/** What one block of commands did. */
export interface BlockResult {
  /** Standard output and standard error together, as a terminal shows them. */
  printed: string;
  /** False for the block that failed, and for all after it, which did not run. */
  ok: boolean;
}

/**
 * Runs blocks of bash one after the other in one session, as somebody who pastes them: what a block
 * sets, the next ones see. The session ends at the first command that fails (`set -euo pipefail`).
 *
 * @param packages a `node_modules` that the session's folder has, as a clone has its own
 */
export async function runBlocks(
  blocks: readonly string[],
  timeoutMs = 60_000,
  packages?: string,
): Promise<BlockResult[]> {
  const home = await mkdtemp(join(tmpdir(), "rowhouse-tour-"));
  const mark = `--- end of block ${randomUUID()}`;
  try {
    if (packages) await symlink(packages, join(home, "node_modules"), "junction");
    const script = join(home, "tour.sh");
    await writeFile(script, scriptOf(blocks, mark));
    return resultsOf(await runScript(script, home, timeoutMs), blocks.length, mark);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function scriptOf(blocks: readonly string[], mark: string): string {
  const parts = blocks.map((block) => `${block}\nprintf '\\n%s\\n' '${mark}'\n`);
  return `set -euo pipefail\nexec 2>&1\n${parts.join("\n")}`;
}

function resultsOf(output: string, count: number, mark: string): BlockResult[] {
  const printed = output.split(`\n${mark}\n`);
  return Array.from({ length: count }, (_, index) => ({
    printed: printed[index] ?? "",
    // What stands after the last mark belongs to the block that never reached its own.
    ok: index < printed.length - 1,
  }));
}

function runScript(script: string, home: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["--noprofile", "--norc", script], {
      ...OWN_GROUP,
      cwd: home,
      env: environment(home),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => void stopGroup(child, 1_000), timeoutMs);
    let output = "";
    const hear = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("error", reject);
    child.once("close", () => {
      clearTimeout(timer);
      resolve(output);
    });
  });
}

/** No settings of this user (`.curlrc`), and no proxy between the session and localhost. */
function environment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name));
  return { ...Object.fromEntries(kept), HOME: home, LC_ALL: "C.UTF-8" };
}

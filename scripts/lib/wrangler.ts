import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./paths.ts";
import { OWN_GROUP, stopGroup } from "./process-group.ts";

const BIN = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

const running = new Set<ChildProcess>();
let closed = false;

/**
 * The environment that wrangler runs in: nothing is sent to anybody, nothing is asked, and what it
 * writes besides its state stays in `home` instead of the user's home directory, where two projects
 * would find each other.
 */
export function wranglerEnv(home: string, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const { CLOUDFLARE_ENV: _, ...rest } = env;
  return {
    ...rest,
    NO_COLOR: "1",
    FORCE_COLOR: "0",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    // The banner is what looks for updates.
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
    WRANGLER_REGISTRY_PATH: join(home, "registry"),
    WRANGLER_LOG_PATH: join(home, "logs"),
    WRANGLER_CACHE_DIR: join(home, "cache"),
  };
}

/**
 * Starts wrangler in a process group of its own, its output piped.
 *
 * @throws Error after {@link stopWranglers}
 */
export function spawnWrangler(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  if (closed) throw new Error("Stopped.");
  // This file runs under the Node in node_modules/.bin, which is one that wrangler accepts.
  const child = spawn(process.execPath, [BIN, ...args], {
    ...OWN_GROUP,
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** A wrangler command that ended with an error; `output` is all that it said. */
export class WranglerFailed extends Error {
  override name = "WranglerFailed";
  readonly output: string;

  constructor(args: readonly string[], status: number | null, output: string) {
    super(`\`wrangler ${args.slice(0, 3).join(" ")}\` ended with ${status}:\n${output.trim()}`);
    this.output = output;
  }
}

/**
 * Runs a wrangler command to its end and returns its output.
 *
 * @throws WranglerFailed when it ends with anything but 0
 */
export async function runWrangler(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const child = spawnWrangler(args, env);
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status !== 0) throw new WranglerFailed(args, status, output);
  return output;
}

/** Ends every wrangler that this process started and that still runs, and starts no other. */
export async function stopWranglers(): Promise<void> {
  closed = true;
  await Promise.all([...running].map((child) => stopGroup(child)));
}

/** Makes the directory in which a local wrangler keeps its things, and names its parts. */
export function localHome(state: string): { persistTo: string; env: NodeJS.ProcessEnv } {
  mkdirSync(state, { recursive: true });
  return { persistTo: state, env: wranglerEnv(join(state, "wrangler")) };
}

import type { ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "./http.ts";
import { spawnWrangler } from "./wrangler.ts";

/** What `wrangler dev` is told. */
export interface DevServerOptions {
  port: number;
  /** Of the Worker that is served; any others are within its reach by service binding. */
  configs: readonly string[];
  /** File of variables and secrets for the first. The others have theirs in `.dev.vars` beside the config. */
  devVars?: string;
  persistTo: string;
  env: NodeJS.ProcessEnv;
  /** Called with each line worth showing to a person. */
  onLine: (line: string) => void;
}

/** A local Worker that serves. */
export interface DevServer {
  /** Settles with a line for a person when the server has ended, wanted or not. */
  ended: Promise<string>;
}

/**
 * Starts the Worker and returns when it answers `GET /health`.
 *
 * @throws Error with wrangler's own words when it ends before, or after `timeoutMs`
 */
export async function startDevServer(
  options: DevServerOptions,
  timeoutMs = 60_000,
): Promise<DevServer> {
  const child = spawnWrangler(argumentsOf(options), options.env);
  const said = collect(child, join(options.persistTo, "wrangler.log"), options.onLine);
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, name) => resolve(`The server ended (${name ?? code}).`));
  });

  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`wrangler dev did not start:\n${said.tail()}`);
    }
    if (await isHealthy(options.port)) break;
    // It would be wrong for ever; more lines like it follow with each look.
    const complaint = said.wrongSettings();
    if (complaint) throw new Error(`The Worker does not start: ${complaint}`);
    if (Date.now() > deadline) {
      throw new Error(`No answer from GET /health within ${timeoutMs / 1000} s:\n${said.tail()}`);
    }
    await sleep(200);
  }
  said.live();
  return { ended };
}

function argumentsOf({ port, configs, devVars, persistTo }: DevServerOptions): string[] {
  return [
    "dev",
    ...configs.flatMap((config) => ["--config", config]),
    ...(devVars ? ["--env-file", devVars] : []),
    ...["--port", String(port)],
    // Any free port: two servers must not fight for the debugger's.
    ...["--inspector-port", "0"],
    ...["--persist-to", persistTo],
    "--show-interactive-dev-session=false",
    ...["--var", `BASE_URL:http://localhost:${port}`],
  ];
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    return (await send({ port, path: "/health", timeoutMs: 5_000 })).status === 200;
  } catch {
    return false; // Not listening yet.
  }
}

/**
 * Keeps all that wrangler says in a file, and shows the rest of it once the server runs: before, it
 * is a table of 200 databases.
 */
function collect(child: ChildProcess, file: string, onLine: (line: string) => void) {
  const log = createWriteStream(file);
  const recent: string[] = [];
  let live = false;
  let wrongSettings: string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => {
      log.write(`${line}\n`);
      recent.push(line);
      if (recent.length > 60) recent.shift();
      wrongSettings ??= settingsIn(line);
      if (live && !isNoise(line)) onLine(line);
    });
  }
  return {
    tail: () => recent.join("\n"),
    /** Which settings are wrong, in the Worker's own words, once it has said so. */
    wrongSettings: () => wrongSettings,
    live: () => {
      live = true;
    },
  };
}

/** The Worker's complaint about its settings, out of the JSON of a log line. */
function settingsIn(line: string): string | undefined {
  const found = /Settings are not valid\.(?:\\.|[^"\\])*/.exec(line)?.[0];
  return found?.replaceAll('\\"', '"');
}

/** The Worker logs each request itself, and better. */
function isNoise(line: string): boolean {
  return line.trim() === "" || line.startsWith("[wrangler:info]");
}

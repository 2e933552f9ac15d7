import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/paths.ts";
import { freePort } from "../../scripts/lib/port.ts";
import { DEMO } from "../../scripts/lib/seed.ts";
import { leaksIn } from "./log-scan.ts";

/** A running app, started the way `npm start` starts it. */
export interface App {
  port: number;
  /** Process id of the script. */
  pid: number;
  /** All that it printed so far. */
  output(): string;
  /**
   * Ends it as Ctrl-C does and returns its exit status. Deletes the state if it made it.
   *
   * @throws Error when it has printed or logged a secret
   */
  stop(): Promise<number | null>;
}

/** What a test may choose; by default everything is new and goes away with the app. */
export interface AppOptions {
  /** Directory to keep state and secrets in; it is not deleted. */
  home?: string;
  port?: number;
  /** What starts it, below `scripts`; by default `start.ts`. */
  script?: string;
  /** Settings of the script, besides where its things are. */
  env?: Readonly<Record<string, string>>;
  /** Whether npm starts it, as a person does; npm's exit status says nothing about ours. */
  npm?: boolean;
}

/**
 * Starts the app with a state, secrets and a port of its own, and waits until it says it is ready.
 *
 * @throws Error with everything it printed when it ends before, or takes longer than `timeoutMs`
 */
export async function startApp(options: AppOptions = {}, timeoutMs = 90_000): Promise<App> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), "rowhouse-app-")));
  const port = options.port ?? (await freePort());
  const [program, args] = options.npm
    ? ["npm", ["start"]]
    : [process.execPath, [`scripts/${options.script ?? "start.ts"}`, "--end-with-parent"]];
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...environment(home, port), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });

  let output = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const stop = async () => {
    const status = await end(child, ended);
    const leaks = await secretsSaid(home, output);
    if (options.home === undefined) await rm(home, { recursive: true, force: true });
    if (leaks.length > 0) throw new Error(`The server said what is secret:\n${leaks.join("\n")}`);
    return status;
  };

  const ready = new Promise<void>((resolve) => {
    const hear = (chunk: Buffer) => {
      output += chunk;
      if (/^Rowhouse is ready on /m.test(output)) resolve();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
  });
  const first = await Promise.race([
    ready.then(() => "ready"),
    ended.then((status) => `ended with ${status}`),
    new Promise((resolve) => setTimeout(resolve, timeoutMs, `not ready in ${timeoutMs} ms`)),
  ]);
  if (first !== "ready") {
    await stop();
    throw new Error(`The app ${first}:\n${output}`);
  }
  return { port, pid: child.pid ?? 0, output: () => output, stop };
}

/** The one line that shows a password: the banner's, which README.md shows too. */
const SHOWN_LOGIN = `    -d '${JSON.stringify({ email: DEMO.admin, password: DEMO.password })}'`;

/** What a person's shell would have: nothing of the test runner's. */
function environment(home: string, port: number): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_OPTIONS|NODE_ENV|NODE_V8_COVERAGE|TEST$)/.test(name),
  );
  return {
    ...Object.fromEntries(own),
    PORT: String(port),
    ROWHOUSE_STATE: join(home, "state"),
    ROWHOUSE_DEV_VARS: join(home, ".dev.vars"),
  };
}

/** Lines with secrets in all that the server printed and wrangler logged. */
async function secretsSaid(home: string, output: string): Promise<string[]> {
  const read = (...path: string[]) => readFile(join(home, ...path), "utf8").catch(() => "");
  const masterKey = /^MASTER_KEY="\w+:(.*)"$/m.exec(await read(".dev.vars"))?.[1];
  const planted = [DEMO.password, DEMO.webhookSecret, ...(masterKey ? [masterKey] : [])];
  const lines = `${output}\n${await read("state", "wrangler.log")}`.split("\n");
  return leaksIn(lines, planted).filter((line) => line !== SHOWN_LOGIN);
}

async function end(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill("SIGTERM");
  // It takes its own children along, and needs a moment for that; 15 seconds mean that it hangs.
  const killer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const status = await ended;
  clearTimeout(killer);
  return status;
}

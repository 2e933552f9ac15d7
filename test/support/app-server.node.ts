import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/paths.ts";
import { freePort } from "../../scripts/lib/port.ts";

/** A running app, started the way `npm start` starts it. */
export interface App {
  port: number;
  /** Process id of `scripts/start.ts`. */
  pid: number;
  /** All that it printed so far. */
  output(): string;
  /** Ends it as Ctrl-C does and returns its exit status. Deletes the state if it made it. */
  stop(): Promise<number | null>;
}

/** What a test may choose; by default everything is new and goes away with the app. */
export interface AppOptions {
  /** Directory to keep state and secrets in; it is not deleted. */
  home?: string;
  port?: number;
}

/**
 * Starts the app with a state, secrets and a port of its own, and waits until it says it is ready.
 *
 * @throws Error with everything it printed when it ends before, or takes longer than `timeoutMs`
 */
export async function startApp(options: AppOptions = {}, timeoutMs = 90_000): Promise<App> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), "rowhouse-app-")));
  const port = options.port ?? (await freePort());
  const child = spawn(process.execPath, ["scripts/start.ts", "--end-with-parent"], {
    cwd: ROOT,
    env: environment(home, port),
    stdio: ["ignore", "pipe", "pipe"],
  });

  let output = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const stop = async () => {
    const status = await end(child, ended);
    if (options.home === undefined) await rm(home, { recursive: true, force: true });
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

async function end(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill("SIGTERM");
  // It takes its own children along, and needs a moment for that; 15 seconds mean that it hangs.
  const killer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const status = await ended;
  clearTimeout(killer);
  return status;
}

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type OperatorsApi } from "../../../scripts/lib/operators-api.ts";
import { ROOT } from "../../../scripts/lib/paths.ts";
import { type BlockResult, runBlocks } from "../../e2e/bash-session.ts";
import { liveVersion } from "./account.ts";
import type { StandIn } from "./stand-in.ts";
import { databaseIdOf } from "./uploads.ts";

/** The operator whom the first deploy makes. */
export const OPERATOR = { email: "operator@house.example", password: "a-long-enough-passphrase" };
const MASTER_KEY = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/** What `fleetOf` may be told. */
export interface FleetOptions {
  base: string;
  /** Host of the base URL, which is its zone too. */
  host: string;
  /** First number of its counters. */
  counters: number;
  /** Lines of `vars`. */
  vars?: string;
  /** More cells than the first, which is `main`. */
  cells?: string;
}

/** A fleet.toml: a router and the cell `main` in Western Europe, with a pool of 3. */
export function fleetOf({ base, host, counters, vars = "", cells = "" }: FleetOptions): string {
  return `
[environments.production]
base = "${base}"
base_url = "https://${host}"
zone = "${host}"
home_cell = "main"
location = "weur"
canary = "acme"
counters = ${counters}
[environments.production.vars]
${vars}
[[environments.production.cells]]
name = "main"
pool = 3
low_water = 1
location = "weur"
${cells}
`;
}

/** Longer than commands that are pasted take. */
const PASTING_MS = 280_000;

/** How a script ended, and all that it printed. */
export interface Ended {
  status: number | null;
  output: string;
}

/** A script that runs. */
export interface Running {
  ended: Promise<Ended>;
  /** Kills it, and the programs that it has started, as a runner of CI does. */
  kill(): Promise<void>;
}

/** Deploys of one environment to a stand-in, by the scripts that people run. */
export interface Deploys {
  /** `npm run deploy -- --env production`, and what comes after it. */
  deploy(...args: string[]): Running;
  /** `npm run pool --`, and what comes after it. */
  pool(...args: string[]): Running;
  /** `npm run tenants --`, and what comes after it. */
  tenants(...args: string[]): Running;
  /** Pastes blocks of commands into one session of bash, in a checkout. */
  paste(blocks: readonly string[]): Promise<BlockResult[]>;
  /** Writes what fleet.toml says from now on. */
  write(fleet: string): void;
  /** Sets an environment variable. */
  set(name: string, value: string): void;
  operators: OperatorsApi;
  forget(): void;
}

/**
 * @param host of the base URL, which is a zone of the stand-in's account
 * @param fleet what fleet.toml says
 */
export function deploysTo(cloudflare: StandIn, host: string, fleet: string): Deploys {
  const directory = mkdtempSync(join(tmpdir(), "rowhouse-fleet-"));
  const file = join(directory, "fleet.toml");
  writeFileSync(file, fleet);
  const dial = `http://127.0.0.1:${cloudflare.edge}`;
  const own: Record<string, string> = {
    CI: "true",
    CLOUDFLARE_API_BASE_URL: cloudflare.url,
    CLOUDFLARE_API_TOKEN: cloudflare.account.token,
    CLOUDFLARE_ACCOUNT_ID: cloudflare.account.id,
    MASTER_KEY,
    ROWHOUSE_OPERATOR_EMAIL: OPERATOR.email,
    ROWHOUSE_OPERATOR_PASSWORD: OPERATOR.password,
    ROWHOUSE_DIAL: dial,
    ROWHOUSE_FLEET: file,
    // What is deployed here is there at once.
    ROWHOUSE_PATIENCE: "0",
  };
  const begin = (script: string, ...args: string[]) =>
    run([join(ROOT, "scripts", script), ...args], { ...ownEnvironment(), ...own });
  const destination = { origin: new URL(`https://${host}`), via: new URL(dial) };
  return {
    deploy: (...args) => begin("deploy.ts", "--env", "production", ...args),
    pool: (...args) => begin("pool.ts", ...args),
    tenants: (...args) => begin("tenants.ts", ...args),
    paste: (blocks) => {
      const { MASTER_KEY: _, ...settings } = own;
      const lines = Object.entries(settings).map(([name, value]) => `export ${name}='${value}'`);
      const start = [`cd '${ROOT}'`, ...lines].join("\n");
      return runBlocks([start, ...blocks], PASTING_MS).then((results) => results.slice(1));
    },
    write: (text) => writeFileSync(file, text),
    set: (name, value) => {
      own[name] = value;
    },
    operators: connect(destination, OPERATOR),
    forget: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Which database stands behind each binding of each Worker that is live: `worker/binding` to id. */
export function boundIn({ account }: StandIn): Map<string, string> {
  const live = [...account.scripts.values()].flatMap((script) => {
    const bindings = liveVersion(script)?.bindings ?? [];
    return bindings.flatMap((binding) =>
      binding.type === "d1"
        ? [[`${script.name}/${binding.name}`, databaseIdOf(binding)] as const]
        : [],
    );
  });
  return new Map(live);
}

/** Bindings of `before` that are gone, or stand for another database now. */
export function lostSince(before: ReadonlyMap<string, string>, cloudflare: StandIn): string[] {
  const now = boundIn(cloudflare);
  return [...before].flatMap(([name, id]) => (now.get(name) === id ? [] : [name]));
}

function run(args: readonly string[], env: NodeJS.ProcessEnv): Running {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const hear = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (status) => resolve({ status, output }));
  });
  return {
    ended,
    async kill() {
      for (const pid of familyOf(child)) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // Gone already.
        }
      }
      await ended;
    },
  };
}

/**
 * The process ids of a program and of all that it has started. Wranglers have groups of their own, so
 * the system is asked for them: in /proc or, where that is missing, with ps.
 */
function familyOf({ pid }: ChildProcess): number[] {
  const parents = existsSync("/proc/self/stat") ? parentsInProc() : parentsByPs();
  const family = [pid as number];
  for (const parent of family) {
    family.push(...parents.flatMap(([child, of]) => (of === parent ? [child] : [])));
  }
  return family;
}

/** Of each process its own id and its parent's. */
type Parents = [pid: number, parent: number][];

function parentsInProc(): Parents {
  const pids = readdirSync("/proc").map(Number).filter(Boolean);
  return pids.flatMap((pid) => {
    try {
      // The name in brackets may hold anything, brackets too; then come state and parent.
      const [, parent] = /.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      return [[pid, Number(parent)]];
    } catch {
      // It has ended in between.
      return [];
    }
  });
}

function parentsByPs(): Parents {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const lines = stdout.split("\n").filter(Boolean);
  return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
}

/** What a person's shell would have: nothing of the test runner's, and no settings of ours. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const hidden = /^(VITEST|NODE_OPTIONS|NODE_ENV|NODE_V8_COVERAGE|TEST$|CLOUDFLARE_|ROWHOUSE_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !hidden.test(name)));
}

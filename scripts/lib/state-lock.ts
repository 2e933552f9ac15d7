import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFree } from "./port.ts";

/** A server that was started this long ago listens, or has given up. */
const STARTING_MS = 2 * 60_000;

interface Holder {
  readonly pid: number;
  readonly port: number;
}

/**
 * Takes a state directory for this process: two servers on one SQLite file lock each other out in
 * the middle of requests. What a server left behind that was killed is taken over.
 *
 * @returns gives it back; do that before the process ends
 * @throws Error for a person when a server uses the directory
 */
export async function takeState(state: string, port: number): Promise<() => void> {
  mkdirSync(state, { recursive: true });
  const file = join(state, "lock.json");
  while (!wrote(file, { pid: process.pid, port })) {
    const holder = holderIn(file);
    if (holder && (await isServing(holder, file))) {
      throw new Error(
        `Rowhouse already runs on port ${holder.port} with this data; stop it, or set ROWHOUSE_STATE to another directory.`,
      );
    }
    rmSync(file, { force: true });
  }
  return () => {
    if (holderIn(file)?.pid === process.pid) rmSync(file, { force: true });
  };
}

function wrote(file: string, holder: Holder): boolean {
  try {
    writeFileSync(file, JSON.stringify(holder), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function holderIn(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder;
  } catch {
    return undefined; // Gone in the meantime, or not of our making.
  }
}

/** The system gives the ids of ended processes to new ones, so a living process is not enough. */
async function isServing({ pid, port }: Holder, file: string): Promise<boolean> {
  if (pid === process.pid || !isAlive(pid)) return false;
  const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return age < STARTING_MS || !(await isFree(port));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Dead, and waiting for a parent to notice, as some containers never do. Known on Linux only. */
function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

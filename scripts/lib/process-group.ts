import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const POSIX = process.platform !== "win32";

/** Spawn options that put a child and everything it starts into a process group of their own. */
export const OWN_GROUP = { detached: POSIX } as const;

/**
 * Ends a child that was spawned with {@link OWN_GROUP}, and whatever it started, and returns when
 * none of them is left. Asks first, and kills after `graceMs`.
 */
export async function stopGroup(child: ChildProcess, graceMs = 5_000): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (!POSIX) return stopTree(pid, child);

  signal(pid, "SIGTERM");
  if (await isGone(pid, graceMs)) return;
  signal(pid, "SIGKILL");
  // What is left after this is dead and waits for the system to notice; some containers never do.
  await isGone(pid, 1_000);
}

async function isGone(group: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isAlive(group)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

function signal(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // Gone already.
  }
}

function isAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

/** Windows has no process groups; its own tool walks the tree of children. */
function stopTree(pid: number, child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    spawn("taskkill", ["/pid", String(pid), "/t", "/f"], { stdio: "ignore" });
  });
}

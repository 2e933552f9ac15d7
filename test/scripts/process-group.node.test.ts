import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { OWN_GROUP, stopGroup } from "../../scripts/lib/process-group.ts";

function membersOf(group: number | undefined): string[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pgid=,stat=,args="], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => new RegExp(`^\\s*${group}\\s+[^Z]`).test(line));
}

async function shell(script: string) {
  const child = spawn("bash", ["-c", script], {
    ...OWN_GROUP,
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  return child;
}

describe("stopGroup", () => {
  it("ends the child and everything it started", async () => {
    const child = await shell("sleep 60 & (sleep 60 &) ; echo started; wait");
    expect(membersOf(child.pid).length).toBeGreaterThanOrEqual(3);
    await stopGroup(child);
    expect(membersOf(child.pid)).toEqual([]);
  });

  it("kills what does not listen", async () => {
    const child = await shell("trap '' TERM; echo started; while true; do sleep 0.1; done");
    await stopGroup(child, 300);
    expect(membersOf(child.pid)).toEqual([]);
  });

  it("does not mind a child that has ended", async () => {
    const child = await shell("echo started");
    await once(child, "exit");
    await stopGroup(child);
  });
});

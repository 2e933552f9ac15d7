import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/lib/port.ts";
import { takeState } from "../../scripts/lib/state-lock.ts";

let state: string;
let file: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "rowhouse-lock-"));
  file = join(state, "lock.json");
});
afterEach(() => rmSync(state, { recursive: true }));

/** A process that lives as long as this test: the one that runs it. */
const LIVING = process.ppid;

function hold(pid: number, port: number): void {
  writeFileSync(file, JSON.stringify({ pid, port }));
}

/** As if the holder had started ten minutes ago. */
function age(): void {
  const then = Date.now() / 1_000 - 600;
  utimesSync(file, then, then);
}

describe("takeState", () => {
  it("makes the directory, says who holds it, and gives it back", async () => {
    const inside = join(state, "new");
    const giveBack = await takeState(inside, 8951);
    const lock = JSON.parse(readFileSync(join(inside, "lock.json"), "utf8"));
    expect(lock).toEqual({ pid: process.pid, port: 8951 });
    giveBack();
    expect(existsSync(join(inside, "lock.json"))).toBe(false);
  });

  it("refuses while the holder is starting, and names its port", async () => {
    hold(LIVING, 8951);
    await expect(takeState(state, 9000)).rejects.toThrow(
      "Rowhouse already runs on port 8951 with this data; stop it, or set ROWHOUSE_STATE to another directory.",
    );
    expect(JSON.parse(readFileSync(file, "utf8")).port).toBe(8951);
  });

  it("refuses while the holder listens, however long ago it started", async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    hold(LIVING, port);
    age();
    try {
      await expect(takeState(state, 9000)).rejects.toThrow(`on port ${port} `);
    } finally {
      server.close();
    }
  });

  it("takes over from a process that has ended, or whose id somebody else has now", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    hold(pid, 8951);
    (await takeState(state, 9000))();
    hold(LIVING, await freePort());
    age();
    (await takeState(state, 9000))();
    writeFileSync(file, "half a fi");
    await takeState(state, 9000);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ pid: process.pid, port: 9000 });
  });

  it("gives back nothing that is another's by now", async () => {
    const giveBack = await takeState(state, 9000);
    hold(LIVING, 8951);
    giveBack();
    expect(existsSync(file)).toBe(true);
  });
});

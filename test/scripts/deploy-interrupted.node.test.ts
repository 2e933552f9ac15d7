/**
 * A first deploy that is killed at a change, and then run again: the second is whole, and nothing is there
 * twice. The deep run takes every change, one after another, or those of `CHANGES=3,9,14`.
 */
import { describe, expect, it } from "vitest";
import { visit } from "../support/cloudflare/client.ts";
import { boundIn, deploysTo, fleetOf, lostSince } from "../support/cloudflare/deploys.ts";
import { startStandIn } from "../support/cloudflare/stand-in.ts";

const HOST = "cut.example";
const FLEET = fleetOf({ base: "cut", host: HOST, counters: 8_000 });
/** More than a first deploy makes; the run ends with the first deploy that comes through. */
const MOST_CHANGES = 200;

/**
 * Kills a first deploy at its `n`th change and runs it again.
 *
 * @returns the change, or undefined when there are fewer
 */
async function killAt(n: number): Promise<string | undefined> {
  const cloudflare = await startStandIn([HOST]);
  const deploys = deploysTo(cloudflare, HOST, FLEET);
  try {
    const reached = cloudflare.cutAt(n, "made");
    const running = deploys.deploy();
    const change = await Promise.race([reached, running.ended.then(() => undefined)]);
    if (change === undefined) return undefined;
    await running.kill();
    cloudflare.mend();
    const before = boundIn(cloudflare);
    const { status, output } = await deploys.deploy().ended;
    expect(status, `${change}\n${output}`).toBe(0);
    expect(lostSince(before, cloudflare), change).toEqual([]);
    const { databases, queues, zones } = cloudflare.account;
    expect([databases.length, queues.length, zones[0]?.routes.length], change).toEqual([4, 3, 2]);
    expect((await visit(cloudflare, HOST, "/ready")).status, change).toBe(200);
    const cell = await deploys.operators.call({ path: "/cells/main" });
    expect(cell, change).toMatchObject({ bound: 3, claimable: 3, free: 3 });
    expect(databases.map((each) => each.read_replication.mode).sort(), change).toEqual([
      "auto",
      "auto",
      "auto",
      "disabled",
    ]);
    expect(cloudflare.unknown, change).toEqual([]);
    return change;
  } finally {
    deploys.forget();
    await cloudflare.stop();
  }
}

/** The changes to be killed at, by number; none: all. */
const CHOSEN = (process.env.CHANGES ?? "").split(",").filter(Boolean).map(Number);

describe.skipIf(!process.env.DEEP)("a first deploy that is killed", { timeout: 7_200_000 }, () => {
  it("at any change is made whole by the next", async () => {
    const all = Array.from({ length: MOST_CHANGES }, (_, index) => index + 1);
    const changes: string[] = [];
    for (const n of CHOSEN.length > 0 ? CHOSEN : all) {
      const change = await killAt(n);
      if (change === undefined) break;
      changes.push(`${n}: ${change.replace(/\/accounts\/\w+/, "")}`);
      console.log(changes.at(-1));
    }
    console.log(`killed at ${changes.length} changes`);
    expect(changes.length).toBeGreaterThanOrEqual(CHOSEN.length || 20);
    expect(changes.length).toBeLessThan(MOST_CHANGES);
  });
});

/** What a round does at a tenant: it looks, and rings where something is due. */
import { beforeEach, expect, it } from "vitest";
import { ROUNDS, type Round } from "../../../src/platform/jobs/chores.ts";
import { runSchedules } from "../../../src/platform/jobs/schedules.ts";
import { schedules } from "../../../src/registry.ts";
import { HOUR, MINUTE, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { emptyRegistry } from "../../support/rounds.ts";
import { bindings, firstValue, ring } from "../../support/worker.ts";

const clock = standingClock();
let house: QuietHouse;
beforeEach(async () => {
  await emptyRegistry();
  house = await quietHouse();
  await bindings.CONTROL_DB.prepare("UPDATE tenants SET active_at = ? WHERE state = 'active'")
    .bind(Date.now() + HOUR)
    .run();
});

/** Goes a round and visits. @returns what the visits rang for */
async function goRound(round: Round): Promise<string[]> {
  house.sent();
  const own = schedules.filter(({ name }) => name === `rounds.${round}`);
  await runSchedules(own, ROUNDS[round].cron, house.worker.env);
  const bells = house.sent().map(({ body }) => body);
  expect(bells).toHaveLength(1);
  expect(await ring(bells, "doorbells", house.worker.env)).toEqual([]);
  return house.sent().map(({ queue, body }) => `${queue} ${body.job}`);
}

it("an idle tenant is not rung for any further, in any round", async ({ task }) => {
  const rung: string[] = [];
  for (const round of Object.keys(ROUNDS) as Round[]) rung.push(...(await goRound(round)));
  expect(rung).toEqual([]);
  showFigures(task, `${Object.keys(ROUNDS).length} rounds past an idle tenant: 0 more doorbells`);
});

it("what no doorbell rang for is found by the minute, and in the end by the round past all", async () => {
  await house.accept("forgotten");
  expect(await goRound("sweep")).toEqual(["doorbells webhooks.drain"]);
  expect(await goRound("idle")).toEqual(["doorbells webhooks.drain"]);
  await house.drain();
  expect(await goRound("sweep")).toEqual([]);
});

it("a chain that is alive has its own bell under way; a broken one is rung for", async () => {
  for (let made = 0; made < 26; made++) await house.accept(`event-${made}`);
  await house.drain();
  expect(await house.chain()).toBeDefined();
  expect(await goRound("sweep")).toEqual([]);
  clock.pass(MINUTE + 1);
  expect(await goRound("sweep")).toEqual(["doorbells webhooks.drain"]);
});

it("a consumer that finds nothing says hourly that it was here, but not where nothing ever was", async () => {
  const seen = () =>
    firstValue<number>(house.database, "SELECT coalesce(max(seen_at), 0) FROM webhook_drain");
  await goRound("sweep");
  expect(await seen()).toBe(0);
  await house.accept("first");
  await house.drain();
  const drained = await seen();
  expect(drained).toBe(Date.now());
  clock.pass(HOUR - 1);
  await goRound("sweep");
  expect(await seen()).toBe(drained);
  clock.pass(1);
  await goRound("idle");
  expect(await seen()).toBe(Date.now());
});

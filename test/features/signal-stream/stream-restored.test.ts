/** Positions that are used again, openings that take too long, and what an object leaves behind. */
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, expect, it } from "vitest";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import {
  changeSource,
  holdBack,
  knock,
  losingBells,
  newTicket,
  openSignal,
  outcomeOf,
  ringAlarm,
  streamOf,
  watch,
} from "../../support/stream.ts";
import { databaseOfTenant } from "../../support/worker.ts";

const clock = standingClock({ between: 10 * SECOND });
let tenant: TestTenant;
beforeEach(async () => {
  tenant = await newTenant();
});

/** Takes the changes after a position out of the database, as Time Travel does. */
async function restoreTo(seq: number): Promise<void> {
  const database = await databaseOfTenant(tenant.slug);
  await database.batch([
    database.prepare("DELETE FROM signal_changes WHERE seq > ?").bind(seq),
    database.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'signal_changes'").bind(seq),
  ]);
}
const inObject = <R>(look: (ctx: DurableObjectState) => R) =>
  runInDurableObject(streamOf(tenant), (_, ctx) => look(ctx));
const leftBehind = () => inObject(({ storage }) => [...storage.kv.list()].length);

it("a stream that was told more than there is ends, and is to begin without an id", async () => {
  const ahead = await watch(tenant);
  for (let nth = 0; nth < 3; nth++) await openSignal(tenant);
  await ahead.until(3);
  await restoreTo(1);
  const rightful = await watch(tenant);
  await openSignal(tenant);
  expect(await ahead.untilClosed()).toEqual({
    code: 4410,
    reason: "The database was restored: begin again without an id.",
  });
  expect(ahead.items()).toHaveLength(3);
  await rightful.until(1);
  expect([rightful.last(), rightful.closed()]).toEqual(["2", null]);
});

it("the alarm finds that too, where nothing happens", async () => {
  const ahead = await watch(tenant);
  await openSignal(tenant);
  await ahead.until(1);
  await restoreTo(0);
  await ringAlarm(tenant);
  expect((await ahead.untilClosed()).code).toBe(4410);
});

it("changes whose time is over are no restoration", async () => {
  const watcher = await watch(tenant);
  for (let nth = 0; nth < 2; nth++) await openSignal(tenant);
  await watcher.until(2);
  const database = await databaseOfTenant(tenant.slug);
  await database.prepare("DELETE FROM signal_changes").run();
  await ringAlarm(tenant);
  await openSignal(tenant);
  await watcher.until(3);
  expect([watcher.last(), watcher.closed()]).toEqual(["3", null]);
});

it("whoever comes while it is being read is no further than there is", async () => {
  const first = await watch(tenant);
  const reading = await holdBack(tenant, "pull");
  await openSignal(tenant);
  await reading.untilAsked();
  await openSignal(tenant, losingBells());
  const later = await watch(tenant);
  reading.letGo();
  await first.until(2);
  await openSignal(tenant);
  await later.until(1);
  expect([first.closed(), later.closed()]).toEqual([null, null]);
});

it("an opening that takes longer than its caller waits takes up no seat", async () => {
  const open = async (ms: number) => {
    await changeSource(tenant, ({ head }) => ({
      head: async (ctx) => {
        clock.pass(ms);
        return head(ctx);
      },
    }));
    const { protocols } = await newTicket(tenant);
    const outcome = await outcomeOf(knock(tenant, protocols));
    return [outcome, await inObject((ctx) => ctx.getWebSockets().length)];
  };
  expect(await open(1_600)).toEqual(["503 not-ready", 0]);
});

it("a heartbeat says nothing to whoever has more waiting", async () => {
  const slow = await watch(tenant, tenant.admin, { after: "0", acks: false });
  const signal = await openSignal(tenant);
  const database = await databaseOfTenant(tenant.slug);
  const another = database
    .prepare("INSERT INTO signal_changes (signal_id, change, occurred_at) VALUES (?, 'opened', 0)")
    .bind(signal);
  await database.batch(Array(149).fill(another));
  await ringAlarm(tenant);
  await slow.until(128);
  await ringAlarm(tenant);
  slow.ack("128");
  await slow.until(150);
  slow.ack("150");
  await ringAlarm(tenant);
  const places = slow.messages.filter(({ type }) => type === "heartbeat");
  expect(places).toEqual([{ type: "heartbeat", id: "150" }]);
});

it("a ticket that nobody comes with goes, and all that the object had with it", async () => {
  await newTicket(tenant);
  expect(await leftBehind()).toBe(2);
  await ringAlarm(tenant);
  expect(await leftBehind()).toBe(2);
  clock.pass(31 * SECOND);
  expect(await ringAlarm(tenant)).toBe(true);
  expect(await leftBehind()).toBe(0);
  expect(await ringAlarm(tenant)).toBe(false);
  const watcher = await watch(tenant);
  await openSignal(tenant);
  await watcher.until(1);
});

it("an alarm during an opening leaves it what it needs", async () => {
  const { protocols } = await newTicket(tenant);
  const reading = await holdBack(tenant, "standing");
  const opening = knock(tenant, protocols);
  await reading.untilAsked();
  await ringAlarm(tenant);
  expect(await leftBehind()).toBe(1);
  reading.letGo();
  expect(await outcomeOf(opening)).toBe("101");
});

/** Clients that are slow, silent or talk too much, and faults of ours. */
import { beforeEach, describe, expect, it } from "vitest";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { evict } from "../../support/evict.ts";
import {
  changeSource,
  openSignal,
  ringAlarm,
  streamOf,
  type Watcher,
  watch,
} from "../../support/stream.ts";
import { databaseOfTenant } from "../../support/worker.ts";

const clock = standingClock({ between: 10 * SECOND });
let tenant: TestTenant;
beforeEach(async () => {
  tenant = await newTenant();
});

const SILENT = { code: 4408, reason: "Nothing was acknowledged for 60 seconds." };

/** Changes as if so many signals had been opened one after the other. @returns the last one's id */
async function addChanges(count: number): Promise<number> {
  const database = await databaseOfTenant(tenant.slug);
  const signal = await openSignal(tenant);
  const changes = Array.from({ length: count - 1 }, () =>
    database
      .prepare(
        "INSERT INTO signal_changes (signal_id, change, occurred_at) VALUES (?, 'opened', ?)",
      )
      .bind(signal, Date.now()),
  );
  if (changes.length > 0) await database.batch(changes);
  const { seq } = (await database
    .prepare("SELECT max(seq) AS seq FROM signal_changes")
    .first<{ seq: number }>()) ?? { seq: 0 };
  return seq;
}
const seqs = (watcher: Watcher) => watcher.items().map(({ id }) => Number(id));
const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, nth) => nth + first);

describe("somebody who is slow", () => {
  it("gets 128 ahead of what is acknowledged, and the rest when that is", async () => {
    const slow = await watch(tenant, tenant.admin, { acks: false });
    const quick = await watch(tenant);
    const last = await addChanges(300);
    await ringAlarm(tenant);
    await quick.until(300);
    await slow.until(128);
    expect(seqs(slow)).toEqual(upTo(128));
    // Half a window is free: now it pays to read.
    slow.ack("63");
    await ringAlarm(tenant);
    expect(seqs(slow)).toEqual(upTo(128));
    slow.ack("64");
    await slow.until(192);
    await evict(streamOf(tenant));
    slow.ack("192");
    await slow.until(300);
    expect(seqs(slow)).toEqual(upTo(last));
    expect(seqs(quick)).toEqual(upTo(last));
  });

  it("that holds where ids have gaps too", async () => {
    const slow = await watch(tenant, tenant.admin, { acks: false });
    await addChanges(3);
    const database = await databaseOfTenant(tenant.slug);
    await database.prepare("UPDATE sqlite_sequence SET seq = 1000").run();
    await addChanges(3);
    await ringAlarm(tenant);
    await slow.until(3);
    expect(seqs(slow)).toEqual([1, 2, 3]);
    slow.ack("2");
    await ringAlarm(tenant);
    expect(seqs(slow)).toEqual([1, 2, 3]);
    // The next one is further away than the window reaches, so it comes alone.
    slow.ack("3");
    await slow.until(4);
    expect(seqs(slow)).toEqual([1, 2, 3, 1001]);
    slow.ack("1001");
    await slow.until(6);
    expect(seqs(slow)).toEqual([1, 2, 3, 1001, 1002, 1003]);
  });

  it("and does not come back to it is closed after 60 seconds", async () => {
    const slow = await watch(tenant, tenant.admin, { acks: false });
    const quick = await watch(tenant);
    slow.ack();
    await addChanges(2);
    await slow.until(1);
    clock.pass(59 * SECOND);
    await ringAlarm(tenant);
    expect(slow.closed()).toBeNull();
    clock.pass(2 * SECOND);
    await ringAlarm(tenant);
    expect(await slow.untilClosed()).toEqual(SILENT);
    expect(quick.closed()).toBeNull();
  });

  it("but acknowledges something within every 60 seconds stays", async () => {
    const slow = await watch(tenant, tenant.admin, { acks: false });
    await addChanges(5);
    await ringAlarm(tenant);
    await slow.until(5);
    for (const id of ["1", "2", "3", "4", "5"]) {
      clock.pass(50 * SECOND);
      slow.ack(id);
      await ringAlarm(tenant);
    }
    expect(slow.closed()).toBeNull();
  });
});

it("somebody who never says a word is closed, though nothing happens", async () => {
  const silent = await watch(tenant, tenant.admin, { acks: false });
  clock.pass(61 * SECOND);
  await ringAlarm(tenant);
  expect(await silent.untilClosed()).toEqual(SILENT);
});

it("somebody who goes silent is closed, though there are heartbeats alone to answer", async () => {
  const silent = await watch(tenant, tenant.admin, { acks: false });
  silent.ack();
  await ringAlarm(tenant);
  clock.pass(61 * SECOND);
  await ringAlarm(tenant);
  expect(await silent.untilClosed()).toEqual(SILENT);
});

it("somebody who answers heartbeats stays, however long nothing happens", async () => {
  const patient = await watch(tenant);
  for (let minute = 0; minute < 5; minute++) {
    clock.pass(55 * SECOND);
    await ringAlarm(tenant);
    await patient.until(0);
  }
  expect(patient.closed()).toBeNull();
  expect(patient.messages.slice(1)).toEqual(Array(5).fill({ type: "heartbeat", id: "0" }));
});

it("somebody who acknowledges again and again is closed at the eleventh time in a second", async () => {
  const chatty = await watch(tenant);
  for (let nth = 0; nth < 10; nth++) chatty.ack("0");
  await addChanges(1);
  await chatty.until(1);
  clock.pass(SECOND);
  for (let nth = 0; nth < 10; nth++) chatty.ack("1");
  await ringAlarm(tenant);
  expect(chatty.closed()).toBeNull();
  chatty.ack("1");
  expect(await chatty.untilClosed()).toMatchObject({ code: 1008 });
});

it("somebody who catches up quickly is not chatty", async () => {
  await addChanges(1_000);
  const watcher = await watch(tenant, tenant.admin, { after: "0" });
  await watcher.until(1_000);
  expect(seqs(watcher)).toEqual(upTo(1_000));
  expect(watcher.closed()).toBeNull();
});

it("where we cannot read, all are closed at the alarm, to try again", async () => {
  const watcher = await watch(tenant);
  const pull = () => Promise.reject(new Error("D1_ERROR: Network connection lost."));
  await changeSource(tenant, () => ({ pull }));
  const id = await openSignal(tenant);
  expect(watcher.closed()).toBeNull();
  await ringAlarm(tenant);
  expect(await watcher.untilClosed()).toMatchObject({ code: 1011 });
  await evict(streamOf(tenant));
  const again = await watch(tenant, tenant.admin, { after: watcher.last() });
  await again.until(1);
  expect(again.items()[0]?.data.id).toBe(id);
});

/** The live stream: what somebody who watches sees. */
import { beforeAll, beforeEach, expect, it } from "vitest";
import { captureLogs } from "../../support/captured-logs.ts";
import { call, newTenant, type TestTenant } from "../../support/client.ts";
import { evict } from "../../support/evict.ts";
import {
  holdBack,
  knock,
  losingBells,
  newTicket,
  openSignal,
  outcomeOf,
  ringAlarm,
  streamOf,
  type Watcher,
  watch,
} from "../../support/stream.ts";

let tenant: TestTenant;
let open: Watcher[] = [];
const watching = async (after?: string) => {
  const watcher = await watch(tenant, tenant.admin, { after });
  open.push(watcher);
  return watcher;
};
beforeAll(async () => {
  tenant = await newTenant("live");
});
beforeEach(() => {
  for (const { socket } of open) socket.close(1000);
  open = [];
});

it("shows all that happens to a signal, in order, as the API shows the signal", async () => {
  const watcher = await watching();
  const id = await openSignal(tenant);
  const act = (what: string, body?: unknown) =>
    call("POST", `${tenant.api}/signals/${id}/${what}`, { token: tenant.admin.token, body });
  await watcher.until(1);
  const asOpened = (await call("GET", `${tenant.api}/signals/${id}`, { token: tenant.admin.token }))
    .json;
  expect(watcher.items()[0]?.data).toEqual(asOpened);
  await act("acknowledge");
  await act("assign", { user_id: tenant.admin.id });
  await act("resolve", { note: "Done." });
  await watcher.until(4);
  expect(watcher.items().map(({ type, data }) => [type, data.id])).toEqual([
    ["signal.opened", id],
    ["signal.acknowledged", id],
    ["signal.assigned", id],
    ["signal.resolved", id],
  ]);
  const ids = watcher.messages.map((message) => Number(message.id));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(ids.slice(1)).size).toBe(4);
});

it("begins where it is, and goes on after what was seen last", async () => {
  const before = await openSignal(tenant);
  const watcher = await watching();
  expect(watcher.messages).toHaveLength(1);
  const first = await openSignal(tenant);
  await watcher.until(1);
  watcher.socket.close(1000);
  const second = await openSignal(tenant);
  const later = await watching(watcher.last());
  expect(later.messages[0]).toEqual({ type: "ready", id: watcher.last() });
  await later.until(1);
  expect(later.items().map(({ data }) => data.id)).toEqual([second]);
  const all = await watching("0");
  await all.until(3);
  expect(all.items().map(({ data }) => data.id)).toEqual(
    expect.arrayContaining([before, first, second]),
  );
});

it("brings somebody who claims to have seen the future back to the present", async () => {
  const head = (await watching()).last();
  const watcher = await watching("999999999999999");
  expect(watcher.messages[0]).toEqual({ type: "ready", id: head });
  const id = await openSignal(tenant);
  await watcher.until(1);
  expect(watcher.items()[0]?.data.id).toBe(id);
});

it.each(["", "-1", "1.5", "abc", "1e3", "9999999999999999"])(
  "refuses %j as the id that was seen last",
  async (after) => {
    const { protocols } = await newTicket(tenant);
    const refusal = await outcomeOf(knock(tenant, protocols, { after }));
    expect(refusal).toBe("422 validation-failed");
    // Before the ticket was looked at.
    expect(await outcomeOf(knock(tenant, protocols))).toBe("101");
  },
);

it("answers the upgrade with one protocol, and with what every answer has", async () => {
  const { protocols } = await newTicket(tenant);
  const headers = { "x-request-id": "stream-request-1" };
  const response = await knock(tenant, protocols, { headers });
  const got = Object.fromEntries(response.headers);
  await outcomeOf(Promise.resolve(response));
  expect(got).toMatchObject({
    "sec-websocket-protocol": "rowhouse.v1",
    "x-request-id": "stream-request-1",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  expect(JSON.stringify(got)).not.toContain(protocols[1]);
});

it("names the ticket in no line of the log", async () => {
  const { protocols, ticket } = await newTicket(tenant);
  const { lines, entries } = await captureLogs(() => outcomeOf(knock(tenant, protocols)));
  expect(lines.join("\n")).not.toContain(ticket);
  const requests = entries.filter(({ message }) => message === "request");
  expect(requests).toMatchObject([
    { route: "/api/v1/signals/stream", status: 101, principal: "anonymous", tenant: "live" },
  ]);
});

it("tells, by the alarm, what no bell told of, and that there is nothing more", async () => {
  const watcher = await watching();
  const lost = await openSignal(tenant, losingBells());
  expect(watcher.items()).toEqual([]);
  await evict(streamOf(tenant));
  expect(await ringAlarm(tenant)).toBe(true);
  await watcher.until(1);
  const [item, heartbeat] = watcher.messages.slice(1);
  expect([item?.type, item?.data.id]).toEqual(["signal.opened", lost]);
  expect(heartbeat).toEqual({ type: "heartbeat", id: item?.id });
});

it("hears a bell that rings while it reads", async () => {
  const watcher = await watching();
  const reading = await holdBack(tenant, "pull");
  const first = await openSignal(tenant);
  await reading.untilAsked();
  const second = await openSignal(tenant);
  expect(watcher.items()).toEqual([]);
  reading.letGo();
  await watcher.until(2);
  expect(watcher.items().map(({ data }) => data.id)).toEqual([first, second]);
  await evict(streamOf(tenant));
});

it("reads once a bell, with one line in the log, and sets no alarm and reads nothing for nobody", async () => {
  const watcher = await watching();
  const { entries } = await captureLogs(async () => {
    await openSignal(tenant);
    await watcher.until(1);
  });
  const pulls = (all: typeof entries) => all.filter(({ job }) => job === "signals.stream");
  expect(pulls(entries)).toMatchObject([{ message: "job", status: "ok", tenant: "live" }]);
  watcher.socket.close(1000);
  await ringAlarm(tenant);
  expect(await ringAlarm(tenant)).toBe(false);
  const unwatched = await captureLogs(async () => {
    await openSignal(tenant);
    await ringAlarm(tenant);
  });
  expect(pulls(unwatched.entries)).toEqual([]);
});

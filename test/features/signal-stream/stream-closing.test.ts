/** Streams that end with what they stand for: a session, a role, a tenant. */
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { evict } from "../../support/evict.ts";
import {
  changeSource,
  holdBack,
  losingBells,
  openSignal,
  ringAlarm,
  streamOf,
  type Watcher,
  watch,
} from "../../support/stream.ts";
import { type bindings, databaseOfTenant, openWorker } from "../../support/worker.ts";

const clock = standingClock({ between: 10 * SECOND });
const OVER = { code: 4401, reason: "The session is over." };
const SUSPENDED = { code: 4403, reason: "The tenant is suspended or has left." };
let operator: Caller;
let tenant: TestTenant;
let user: Caller;
/** The user's other session, and somebody else's. */
let elsewhere: Caller;
let streams: { own: Watcher; elsewhere: Watcher; others: Watcher };

beforeAll(async () => {
  operator = await newOperator();
  tenant = await newTenant();
});
afterEach(() => {
  for (const { socket } of Object.values(streams)) socket.close(1000);
});
beforeEach(async () => {
  user = await addUser(tenant, "manager");
  elsewhere = await signIn(tenant.api, user.email);
  streams = {
    own: await watch(tenant, user),
    elsewhere: await watch(tenant, elsewhere),
    others: await watch(tenant),
  };
});

/** Opens a signal and expects these alone to see it. */
async function seenBy(...watchers: Watcher[]): Promise<void> {
  const id = await openSignal(tenant);
  const sees = (watcher: Watcher) => watcher.items().some(({ data }) => data.id === id);
  for (const watcher of watchers) await vi.waitFor(() => expect(sees(watcher)).toBe(true));
  expect(Object.values(streams).filter(sees)).toEqual(watchers);
}
const signOut = (body = {}, worker: { call: typeof call } = { call }) =>
  worker.call("POST", `${tenant.api}/auth/logout`, { token: user.token, body });

it("signing out closes the streams of that session alone", async () => {
  expect((await signOut()).status).toBe(204);
  expect(await streams.own.untilClosed()).toEqual(OVER);
  await seenBy(streams.elsewhere, streams.others);
});

it("signing out everywhere closes all of the user's", async () => {
  await signOut({ all: true });
  expect(await streams.own.untilClosed()).toEqual(OVER);
  expect(await streams.elsewhere.untilClosed()).toEqual(OVER);
  await seenBy(streams.others);
});

it("ending another session closes that one's", async () => {
  const list = await call("GET", `${tenant.api}/auth/sessions`, { token: elsewhere.token });
  const { id } = list.json.data.find(({ current }: { current: boolean }) => current);
  await call("DELETE", `${tenant.api}/auth/sessions/${id}`, { token: user.token });
  expect(await streams.elsewhere.untilClosed()).toEqual(OVER);
  await seenBy(streams.own, streams.others);
});

it("a new password closes the user's other streams", async () => {
  const body = { current_password: PASSWORD, new_password: `${PASSWORD}-2` };
  await call("POST", `${tenant.api}/users/change-password`, { token: user.token, body });
  expect(await streams.elsewhere.untilClosed()).toEqual(OVER);
  await seenBy(streams.own, streams.others);
});

it("a stolen refresh token closes the session's", async () => {
  const refresh = (refresh_token: string) =>
    call("POST", `${tenant.api}/auth/refresh`, { body: { refresh_token } });
  const { json } = await refresh(user.refreshToken);
  clock.pass(11 * SECOND);
  await refresh(user.refreshToken);
  expect((await refresh(json.refresh_token)).status).toBe(401);
  expect(await streams.own.untilClosed()).toEqual(OVER);
  await seenBy(streams.elsewhere, streams.others);
});

it("a user who is deleted watches no longer", async () => {
  await call("DELETE", `${tenant.api}/users/${user.id}`, { token: tenant.admin.token });
  expect(await streams.own.untilClosed()).toEqual(OVER);
  expect(await streams.elsewhere.untilClosed()).toEqual(OVER);
  await seenBy(streams.others);
});

it("a role that lacks the permission ends the streams; one that has it does not", async () => {
  const become = (role: string) =>
    call("PUT", `${tenant.api}/users/${user.id}`, { token: tenant.admin.token, body: { role } });
  await become("readonly");
  await seenBy(streams.own, streams.elsewhere, streams.others);
  // All roles of today may watch: so this stream asks for more.
  await changeSource(tenant, () => ({ permission: "signals:write" }));
  await become("user");
  await ringAlarm(tenant);
  expect(streams.own.closed()).toBeNull();
  await become("readonly");
  const forbidden = { code: 4403, reason: "The role lacks the permission." };
  expect(await streams.own.untilClosed()).toEqual(forbidden);
  expect(await streams.elsewhere.untilClosed()).toEqual(forbidden);
});

it("where the word of it is lost, nothing is shown 5 seconds later", async () => {
  await openSignal(tenant);
  for (const watcher of Object.values(streams)) await watcher.until(1);
  expect((await signOut({}, losingBells())).status).toBe(204);
  clock.pass(5 * SECOND);
  const shown = streams.own.items().length;
  await openSignal(tenant);
  expect(await streams.own.untilClosed()).toEqual(OVER);
  await streams.others.until(2);
  expect([shown, streams.own.items().length]).toEqual([1, 1]);
});

it("where the word is lost and nothing happens, the alarm closes them", async () => {
  await signOut({}, losingBells());
  expect(streams.own.closed()).toBeNull();
  expect(await ringAlarm(tenant)).toBe(true);
  expect(await streams.own.untilClosed()).toEqual(OVER);
  await seenBy(streams.elsewhere, streams.others);
});

it("a word that comes while it is being read who may watch is not lost", async () => {
  await evict(streamOf(tenant));
  const reading = await holdBack(tenant, "standing");
  await openSignal(tenant);
  await reading.untilAsked();
  expect((await signOut()).status).toBe(204);
  reading.letGo();
  expect(await streams.own.untilClosed()).toEqual(OVER);
});

it("signing out works while the object does not answer", async () => {
  const gone = () => Promise.reject(new Error("Network connection lost."));
  const getByName = () => ({ recheck: gone });
  const SIGNAL_STREAM = { getByName } as unknown as typeof bindings.SIGNAL_STREAM;
  expect((await signOut({}, openWorker({ SIGNAL_STREAM }))).status).toBe(204);
});

it("a session that nobody has used for too long ends its streams", async () => {
  const database = await databaseOfTenant(tenant.slug);
  await database
    .prepare("UPDATE sessions SET idle_at = ? WHERE user_id = ?")
    .bind(Date.now() - 1, user.id)
    .run();
  await ringAlarm(tenant);
  expect(await streams.own.untilClosed()).toEqual(OVER);
  expect(streams.others.closed()).toBeNull();
});

it("suspension closes all, and nobody else's", async () => {
  const other = await watch(await newTenant());
  const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}/suspend`;
  expect((await call("POST", url, { token: operator.token })).status).toBe(200);
  for (const watcher of Object.values(streams)) {
    expect(await watcher.untilClosed()).toEqual(SUSPENDED);
  }
  expect(other.closed()).toBeNull();
  await call("POST", url.replace("suspend", "activate"), { token: operator.token });
});

it("leaving closes all", async () => {
  await call("DELETE", `${tenant.api}/tenants/current`, { token: tenant.admin.token });
  for (const watcher of Object.values(streams)) {
    expect(await watcher.untilClosed()).toEqual(SUSPENDED);
  }
});

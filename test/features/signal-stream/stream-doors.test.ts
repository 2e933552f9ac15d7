/** Who gets no stream, and what they are told. */
import { runInDurableObject } from "cloudflare:test";
import { beforeAll, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import {
  addUser,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import {
  knock,
  newTicket,
  outcomeOf,
  streamOf,
  type Watcher,
  watch,
} from "../../support/stream.ts";
import { bindings, openWorker } from "../../support/worker.ts";

const clock = standingClock({ between: 2 * SECOND });
let tenant: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  tenant = await newTenant("doors");
  other = await newTenant("other-doors");
});

/** What comes back: 101, or what instead. */
const comesOf = (house: TestTenant, protocols: readonly string[], headers = {}) =>
  outcomeOf(knock(house, protocols, { headers }));
const INVALID = "401 invalid-ticket";

it("a request that is no upgrade is told so", async () => {
  const reply = await call("GET", `${tenant.api}/signals/stream`);
  expect([reply.status, problemOf(reply)]).toEqual([426, "upgrade-required"]);
  expect(reply.headers.get("upgrade")).toBe("websocket");
});

it("there is none on the platform's door", async () => {
  const reply = await call("GET", `${PLATFORM_ORIGIN}/api/v1/signals/stream`, {
    headers: { upgrade: "websocket" },
  });
  expect([reply.status, problemOf(reply)]).toEqual([404, "not-found"]);
});

it("a ticket says where and how to connect, and is another each time", async () => {
  const first = await newTicket(tenant);
  const second = await newTicket(tenant);
  expect(first).toEqual({
    ticket: expect.stringMatching(/^rwt_[\w-]{43}$/),
    expires_in: 30,
    url: "ws://doors.rowhouse.test/api/v1/signals/stream",
    protocols: ["rowhouse.v1", `ticket.${first.ticket}`],
  });
  expect(second.ticket).not.toBe(first.ticket);
});

it("a ticket is needed, a real one, together with the protocol", async () => {
  const { protocols } = await newTicket(tenant);
  const [protocol = "", ticket = ""] = protocols;
  expect(await comesOf(tenant, [])).toBe(INVALID);
  expect(await comesOf(tenant, [protocol])).toBe(INVALID);
  expect(await comesOf(tenant, [ticket])).toBe(INVALID);
  expect(await comesOf(tenant, [protocol, "ticket."])).toBe(INVALID);
  expect(await comesOf(tenant, [protocol, `${ticket}x`])).toBe(INVALID);
  expect(await comesOf(tenant, ["rowhouse.v2", ticket])).toBe(INVALID);
  expect((await knock(tenant, [])).headers.get("www-authenticate")).toBe("Ticket");
  expect(await comesOf(tenant, protocols)).toBe("101");
});

it("a ticket works once, of twenty at once too", async () => {
  const { protocols } = await newTicket(tenant);
  const twenty = Array.from({ length: 20 }, () => comesOf(tenant, protocols));
  expect((await Promise.all(twenty)).sort()).toEqual(["101", ...Array(19).fill(INVALID)]);
  expect(await comesOf(tenant, protocols)).toBe(INVALID);
});

it("a ticket works for less than 30 seconds", async () => {
  const early = await newTicket(tenant);
  clock.pass(29 * SECOND);
  expect(await comesOf(tenant, early.protocols)).toBe("101");
  const late = await newTicket(tenant);
  clock.pass(31 * SECOND);
  expect(await comesOf(tenant, late.protocols)).toBe(INVALID);
});

it("a ticket works on its own tenant's door, and is not used up at another's", async () => {
  const { protocols } = await newTicket(tenant);
  expect(await comesOf(other, protocols)).toBe(INVALID);
  expect(await comesOf(tenant, protocols)).toBe("101");
});

it("of one user's tickets the five last ones work, and of others theirs", async () => {
  const user = await addUser(tenant, "readonly");
  const theirs = await newTicket(tenant, user);
  const tickets = [];
  for (let nth = 0; nth < 6; nth++) {
    clock.pass(10);
    tickets.push(await newTicket(tenant));
  }
  const [first, ...rest] = tickets;
  expect(await comesOf(tenant, first?.protocols ?? [])).toBe(INVALID);
  for (const { protocols } of [...rest, theirs]) {
    expect(await comesOf(tenant, protocols)).toBe("101");
  }
});

it("a page of another origin gets none, and uses up no ticket", async () => {
  const { protocols } = await newTicket(tenant);
  for (const origin of ["https://evil.test", "null", other.origin, `${tenant.origin}.evil.test`]) {
    expect(await comesOf(tenant, protocols, { origin })).toBe("403 origin-not-allowed");
  }
  expect(await comesOf(tenant, protocols, { origin: tenant.origin })).toBe("101");
});

it("a page of a listed origin gets one", async () => {
  const { protocols } = await newTicket(tenant);
  const listing = openWorker({ CORS_ORIGINS: "https://app.example.test" });
  const reply = await listing.call("GET", `${tenant.api}/signals/stream`, {
    headers: {
      upgrade: "websocket",
      origin: "https://app.example.test",
      "sec-websocket-protocol": protocols.join(", "),
    },
  });
  expect(reply.status, reply.text).toBe(101);
});

it("who may not read signals gets no ticket; who was signed out since, no stream", async () => {
  const nobody = await call("POST", `${tenant.api}/signals/stream-tickets`);
  expect([nobody.status, problemOf(nobody)]).toEqual([401, "unauthenticated"]);
  const foreign = await call("POST", `${tenant.api}/signals/stream-tickets`, {
    token: other.admin.token,
  });
  expect(foreign.status).toBe(401);
  const again = await signIn(tenant.api, tenant.admin.email);
  const { protocols } = await newTicket(tenant, again);
  await call("POST", `${tenant.api}/auth/logout`, { token: again.token, body: {} });
  expect(await comesOf(tenant, protocols)).toBe(INVALID);
});

it("a suspended tenant gets none", async () => {
  const operator = await newOperator();
  const { protocols } = await newTicket(other);
  const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${other.id}`;
  await call("POST", `${url}/suspend`, { token: operator.token });
  expect(await comesOf(other, protocols)).toBe("403 tenant-suspended");
  await call("POST", `${url}/activate`, { token: operator.token });
});

it("one user has at most ten streams open, whatever tickets there are", async () => {
  const user = await addUser(tenant, "user");
  const open: Watcher[] = [];
  for (let nth = 0; nth < 9; nth++) open.push(await watch(tenant, user));
  const tickets = [await newTicket(tenant, user), await newTicket(tenant, user)];
  const responses = await Promise.all(tickets.map(({ protocols }) => knock(tenant, protocols)));
  expect(responses.map(({ status }) => status).sort()).toEqual([101, 429]);
  for (const { webSocket } of responses) webSocket?.accept();
  const url = `${tenant.api}/signals/stream-tickets`;
  const full = await call("POST", url, { token: user.token });
  expect([full.status, problemOf(full)]).toEqual([429, "too-many-streams"]);
  expect(full.headers.get("retry-after")).toBe("30");
  // Others are not held to it, and a place that becomes free is.
  await newTicket(tenant);
  open[0]?.socket.close(1000);
  await open[0]?.untilClosed();
  expect((await watch(tenant, user)).messages[0]?.type).toBe("ready");
});

it("one tenant has at most as many open as its setting says", async () => {
  const house = await newTenant("full-house");
  const users = [house.admin, await addUser(house, "user"), await addUser(house, "readonly")];
  await newTicket(house);
  await runInDurableObject(streamOf(house), (stream) => {
    const env: Bindings = { ...bindings, STREAMS_PER_TENANT: "3" };
    Object.defineProperty(stream, "env", { value: env });
  });
  const [admin = house.admin] = users;
  const late = await newTicket(house, admin);
  for (const user of users) await watch(house, user);
  expect(await comesOf(house, late.protocols)).toBe("429 too-many-streams");
  const reply = await call("POST", `${house.api}/signals/stream-tickets`, { token: admin.token });
  expect([reply.status, reply.json.detail]).toEqual([
    429,
    "One tenant has at most 3 streams open.",
  ]);
});

it("an object that does not answer is a fault of ours", async () => {
  const gone = () => Promise.reject(new Error("Network connection lost."));
  const stub = { issue: gone, fetch: gone };
  const SIGNAL_STREAM = { getByName: () => stub } as unknown as typeof bindings.SIGNAL_STREAM;
  const house = await newTenant();
  const alone = openWorker({ SIGNAL_STREAM });
  const reply = await alone.call("POST", `${house.api}/signals/stream-tickets`, {
    token: house.admin.token,
  });
  expect([reply.status, problemOf(reply)]).toEqual([503, "not-ready"]);
  expect(reply.text).not.toContain("connection lost");
  const { protocols } = await newTicket(tenant);
  const upgrade = await alone.call("GET", `${tenant.api}/signals/stream`, {
    headers: { upgrade: "websocket", "sec-websocket-protocol": protocols.join(", ") },
  });
  expect([upgrade.status, problemOf(upgrade)]).toEqual([503, "not-ready"]);
});

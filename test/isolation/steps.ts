/** What the tenants of the canary test do: their daily work, and trying the neighbour's things. */
import { expect } from "vitest";
import { type Caller, PASSWORD, type Reply } from "../support/client.ts";
import { SECRET, signed } from "../support/webhooks.ts";
import { sessionOf } from "./fixtures.ts";
import {
  deliverTo,
  expectProblem,
  type Home,
  keep,
  LISTS,
  type ListName,
  orderOf,
  personOf,
  receive,
  signIn,
  type Walk,
} from "./walk.ts";

/** One step: somebody of `home` does something; `other` is another tenant. */
export interface Cast {
  readonly walk: Walk;
  readonly home: Home;
  readonly other: Home;
  readonly caller: Caller;
  readonly stranger: Caller;
  /** Chosen beforehand, because steps run at once and a seed must give the same walk again. */
  readonly choose: <T>(list: readonly T[]) => T;
}
export type Step = (cast: Cast) => Promise<void>;

/** Keys that all tenants and all users have in common. */
const KEYS = ["key-1", "key-2", "key-3"];

const colleagueOf = (home: Home, caller: Caller) =>
  home.admins.find((admin) => admin !== caller) as Caller;

const ok = (reply: Reply, status = 200) => expect(reply.status, reply.text).toBe(status);

const DAILY: Readonly<Record<string, Step>> = {
  "who am I": async ({ walk, home, caller }) => {
    const reply = await walk.ask(home, "GET", "/auth/me", { token: caller.token });
    expect(reply.json).toMatchObject({ id: caller.id, email: caller.email });
  },
  "list users": async (cast) => {
    const { data } = (await listPage(cast, "users")).json;
    for (const user of data) expect(user.email).toContain(cast.home.mark);
  },
  "list audit": async ({ walk, home, caller, choose }) => {
    const cursor = choose(["", ...home.cursors.audit]);
    const path = `/audit?limit=3${cursor && `&cursor=${cursor}`}`;
    const reply = await walk.ask(home, "GET", path, { token: caller.token });
    ok(reply);
    expect(reply.json.data.length).toBeGreaterThan(0);
    if (reply.json.next_cursor) keep(home.cursors.audit, reply.json.next_cursor);
  },
  "list sessions": async ({ walk, home, caller }) => {
    const reply = await walk.ask(home, "GET", "/auth/sessions", { token: caller.token });
    for (const { user_agent } of reply.json.data) expect(user_agent).toContain(home.mark);
  },
  "the tenant": async ({ walk, home, caller }) => {
    const reply = await walk.ask(home, "GET", "/tenants/current", { token: caller.token });
    expect(reply.json).toMatchObject({ id: home.id, slug: home.slug });
    expect(reply.json.name).toContain(home.mark);
    keep(home.etags, String(reply.headers.get("etag")));
  },
  "rename the tenant": async ({ walk, home, caller }) => {
    const body = { name: walk.fresh(home, "Company") };
    const reply = await walk.ask(home, "PUT", "/tenants/current", { token: caller.token, body });
    expect(reply.json).toMatchObject(body);
  },
  "change a user": async ({ walk, home, caller, choose }) => {
    const id = choose(home.users);
    const body = { last_name: walk.fresh(home, "Changed") };
    const reply = await walk.ask(home, "PUT", `/users/${id}`, { token: caller.token, body });
    expect(reply.json).toMatchObject({ id, ...body });
    ok(await walk.ask(home, "POST", `/users/${id}/unlock`, { token: caller.token }));
  },
  "replace a user": async ({ walk, home, caller, choose }) => {
    const id = choose(home.users);
    const { token } = caller;
    ok(await walk.ask(home, "DELETE", `/users/${id}`, { token }), 204);
    const body = personOf(walk, home);
    const reply = await walk.ask(home, "POST", "/users", { token, body });
    ok(reply, 201);
    home.users.splice(home.users.indexOf(id), 1, reply.json.id);
    expectProblem(await walk.ask(home, "GET", `/users/${id}`, { token }), "not-found");
  },
  "sign in": async ({ walk, home, caller }) => {
    Object.assign(caller, await signIn(walk, home, caller.email));
  },
  "fail to sign in": async ({ walk, home }) => {
    const body = { email: `${walk.fresh(home, "nobody")}@people.test`, password: PASSWORD };
    const reply = await walk.ask(home, "POST", "/auth/login", { body });
    expectProblem(reply, "invalid-credentials");
  },
  refresh: async ({ walk, home, caller }) => {
    const body = { refresh_token: caller.refreshToken };
    const reply = await walk.ask(home, "POST", "/auth/refresh", { body });
    ok(reply);
    Object.assign(caller, {
      token: reply.json.access_token,
      refreshToken: reply.json.refresh_token,
    });
  },
  "sign out and in": async ({ walk, home, caller }) => {
    const { token } = caller;
    ok(await walk.ask(home, "POST", "/auth/logout", { token, body: { all: false } }), 204);
    expectProblem(await walk.ask(home, "GET", "/auth/me", { token }), "unauthenticated");
    Object.assign(caller, await signIn(walk, home, caller.email));
  },
  "use one's own bookmark": async (cast) => {
    const bookmark = cast.choose(cast.home.bookmarks);
    const [text = ""] = bookmark.split(".");
    await readFrom(cast, bookmark, Buffer.from(text, "base64url").toString());
  },
  "use a key that all use": async ({ walk, home, caller, choose }) => {
    const key = choose(KEYS);
    const known = home.answers.get(`${caller.id} ${key}`);
    const body = choose([known?.body ?? null, null]) ?? { first_name: walk.fresh(home, "Keyed") };
    const reply = await walk.ask(home, "PUT", "/users/profile", {
      token: caller.token,
      body,
      headers: { "idempotency-key": key },
    });
    if (!known) {
      expect(reply.json).toMatchObject({ id: caller.id, ...body });
      home.answers.set(`${caller.id} ${key}`, { body, text: reply.text });
    } else if (body === known.body) {
      expect(reply.text).toBe(known.text);
    } else {
      expectProblem(reply, "idempotency-mismatch");
    }
  },
};

const SERVICES: Readonly<Record<string, Step>> = {
  "list services": async (cast) => {
    const { data } = (await listPage(cast, "services")).json;
    for (const { name } of data) expect(name).toContain(cast.home.mark);
  },
  "a service": async ({ walk, home, caller }) => {
    const body = { name: walk.fresh(home, "Renamed") };
    const { token } = caller;
    const put = await walk.ask(home, "PUT", `/services/${home.own.slug}`, { token, body });
    expect(put.json).toMatchObject(body);
    const { json } = await walk.ask(home, "GET", `/services/${home.own.slug}`, { token });
    expect(json).toMatchObject({ ...body, webhook: { url: home.own.url, ...home.own.settings } });
  },
  "another service": async ({ walk, home, caller }) => {
    const { token } = caller;
    const slug = walk.fresh(home, "service");
    const body = { slug, name: walk.fresh(home, "Service") };
    ok(await walk.ask(home, "POST", "/services", { token, body }), 201);
    ok(await walk.ask(home, "DELETE", `/services/${slug}`, { token }), 204);
    expectProblem(await walk.ask(home, "GET", `/services/${slug}`, { token }), "not-found");
  },
  "rotate a secret": async ({ walk, home, caller }) => {
    const { shop } = home;
    const secret = `${SECRET}-${walk.fresh(home, "rotated")}`;
    const body = { webhook: { ...shop.settings, secrets: [secret, shop.secret] } };
    ok(await walk.ask(home, "PUT", "/services/shop", { token: caller.token, body }));
    const old = await signed(shop, JSON.stringify(orderOf(walk, home)));
    ok(await deliverTo(walk, home, old), 202);
    shop.secret = secret;
    keep(home.webhooks, await receive(walk, home, shop, orderOf(walk, home)));
  },
};

const WEBHOOKS: Readonly<Record<string, Step>> = {
  "receive a webhook": async ({ walk, home, choose }) => {
    const service = choose([home.shop, home.own]);
    keep(home.webhooks, await receive(walk, home, service, orderOf(walk, home)));
  },
  "receive a webhook again": async ({ walk, home, choose }) => {
    const { eventId, ...delivery } = choose(home.deliveries);
    // Signed anew, as the service's secret may have changed since.
    const reply = await deliverTo(walk, home, await signed(home.shop, delivery.body));
    expect(reply.json).toEqual({ status: "duplicate", event_id: eventId });
  },
  "receive the webhook that all receive": async ({ walk, home }) => {
    const common = { event_id: "common", event_type: "order.placed", id: "common" };
    const reply = await deliverTo(walk, home, await signed(home.shop, JSON.stringify(common)));
    const known = home.answers.get("common");
    expect(reply.json.status).toBe(known ? "duplicate" : "accepted");
    if (known) expect(reply.json.event_id).toBe(known.text);
    else home.answers.set("common", { body: common, text: reply.json.event_id });
  },
  "receive a batch": async ({ walk, home, choose }) => {
    const known = choose(home.deliveries);
    const text = Buffer.from(known.body).toString();
    const body = `[${text},${JSON.stringify(orderOf(walk, home))},7]`;
    const batch = await signed(home.shop, body, { path: "/batch" });
    const reply = await deliverTo(walk, home, batch);
    expect(reply.json.results).toMatchObject([
      { status: "duplicate", event_id: known.eventId },
      { status: "accepted" },
      { status: "rejected" },
    ]);
    keep(home.webhooks, reply.json.results[1].event_id);
  },
  "send oneself a webhook": async ({ walk, home, caller, choose }) => {
    const { slug } = choose([home.shop, home.own]);
    const body = { type: walk.fresh(home, "order"), data: { id: walk.fresh(home, "subject") } };
    const path = `/webhooks/${slug}/test`;
    const reply = await walk.ask(home, "POST", path, { token: caller.token, body });
    ok(reply, 202);
    keep(home.webhooks, reply.json.event_id);
  },
  "list webhooks": async (cast) => {
    const { data } = (await listPage(cast, "webhooks")).json;
    expect(data.length).toBeGreaterThan(0);
  },
  "a webhook": async ({ walk, home, caller, choose }) => {
    const id = choose(home.webhooks);
    const path = `/webhooks/events/${id}`;
    const { json } = await walk.ask(home, "GET", path, { token: caller.token });
    const { body, encoding } = json.payload;
    const text = encoding === "base64" ? Buffer.from(body, "base64").toString() : body;
    expect(text).toContain(home.mark);
  },
  "replay a webhook": async ({ walk, home, caller }) => {
    const path = `/webhooks/events/${home.dead}/replay`;
    const reply = await walk.ask(home, "POST", path, { token: caller.token });
    if (reply.status === 202) expect(reply.json).toMatchObject({ id: home.dead });
    // The last replay is under way.
    else expectProblem(reply, "event-state");
  },
  "replay dead letters": async ({ walk, home, caller, choose }) => {
    const body = { service: home.own.slug, dry_run: choose([true, false]) };
    const ask = { token: caller.token, body };
    const { json } = await walk.ask(home, "POST", "/webhooks/dead-letters/replay", ask);
    expect([0, 1]).toContain(json.matched);
    expect(json.replayed).toBe(body.dry_run ? 0 : json.matched);
  },
  "list rejections": async (cast) => {
    const { data } = (await listPage(cast, "rejections")).json;
    for (const { service } of data) expect([cast.home.own.slug, "shop", null]).toContain(service);
  },
  "the health of webhooks": async ({ walk, home, caller, choose }) => {
    const token = choose([undefined, caller.token]);
    const { json } = await walk.ask(home, "GET", "/webhooks/health", { token });
    if (token) expect(json.counts.completed).toBeGreaterThanOrEqual(3);
    else expect(json).toEqual({ status: "ok" });
  },
  "list events": async (cast) => {
    const { data } = (await listPage(cast, "events")).json;
    for (const { id } of data) keep(cast.home.events, id);
  },
  "an event": async ({ walk, home, caller, choose }) => {
    const id = choose(home.events);
    const reply = await walk.ask(home, "GET", `/events/${id}`, { token: caller.token });
    expect(reply.json).toMatchObject({ id });
  },
};

/** What one does at home. */
export const OWN: Readonly<Record<string, Step>> = { ...DAILY, ...SERVICES, ...WEBHOOKS };

export const FORGED: Readonly<Record<string, Step>> = {
  "a foreign cursor": async (cast) => {
    const list = cast.choose(Object.keys(LISTS) as ListName[]);
    const cursors = cast.other.cursors[list];
    await refuseCursor(cast, list, cast.choose(cursors));
  },
  "a cursor of another list": async (cast) => {
    const [list, from] = cast.choose([
      ["users", "audit"],
      ["events", "webhooks"],
      ["webhooks", "events"],
      ["services", "rejections"],
    ] as const);
    await refuseCursor(cast, list, cast.choose(cast.home.cursors[from]));
  },
  "a forged cursor": async (cast) => {
    const cursors = [...cast.home.cursors.users, ...cast.other.cursors.users];
    const [, mac] = cast.choose(cursors).split(".");
    const text = Buffer.from(JSON.stringify(["users", "user_0"])).toString("base64url");
    await refuseCursor(cast, "users", cast.choose([`${text}.${mac}`, text, "nonsense", `${mac}.`]));
  },
  "a foreign bookmark": async (cast) => {
    await readFrom(cast, cast.choose(cast.other.bookmarks), "first-unconstrained");
  },
  "a forged bookmark": async (cast) => {
    const [text = "", mac = ""] = cast.choose(cast.home.bookmarks).split(".");
    const later = Buffer.from("ffffffff-ffffffff-ffffffff").toString("base64url");
    const forged = cast.choose([`${later}.${mac}`, text, `${text}.`, "first-primary", "%00"]);
    await readFrom(cast, forged, "first-unconstrained");
  },
  "a foreign token": async ({ walk, home, stranger, choose }) => {
    const [method, path] = choose([
      ["GET", "/auth/me"],
      ["GET", "/users"],
      ["GET", "/audit"],
      ["POST", "/auth/logout"],
      ["DELETE", "/tenants/current"],
    ] as const);
    const reply = await walk.ask(home, method, path, { token: stranger.token });
    expectProblem(reply, "unauthenticated");
  },
  "a foreign refresh token": async ({ walk, home, stranger }) => {
    const body = { refresh_token: stranger.refreshToken };
    const reply = await walk.ask(home, "POST", "/auth/refresh", { body });
    expectProblem(reply, "invalid-refresh-token");
  },
  "a foreign device token": async ({ walk, home, caller, stranger, choose }) => {
    const { deviceToken } = choose([stranger, colleagueOf(home, caller)]);
    const body = { email: caller.email, password: PASSWORD, device_token: deviceToken };
    const reply = await walk.ask(home, "POST", "/auth/login", { body });
    ok(reply);
    expect(reply.json.device_token).not.toBe(deviceToken);
  },
  "a foreign user": async ({ walk, home, other, caller, stranger, choose }) => {
    const id = choose([stranger.id, ...other.users]);
    const method = choose(["GET", "PUT", "DELETE", "POST"] as const);
    const reply = await walk.ask(
      home,
      method,
      `/users/${id}${method === "POST" ? "/unlock" : ""}`,
      {
        token: caller.token,
        ...(method === "PUT" ? { body: { first_name: walk.fresh(home, "Taken") } } : {}),
        sent: [id],
      },
    );
    expectProblem(reply, "not-found");
  },
  "a foreign session": async ({ walk, home, caller, stranger, choose }) => {
    const id = sessionOf(choose([stranger, colleagueOf(home, caller)]).token);
    const path = `/auth/sessions/${id}`;
    const reply = await walk.ask(home, "DELETE", path, { token: caller.token, sent: [id] });
    expectProblem(reply, "not-found");
  },
  "a colleague's key": async ({ walk, home, caller }) => {
    const headers = { "idempotency-key": walk.fresh(home, "key") };
    const body = { last_name: walk.fresh(home, "Keyed") };
    for (const { id, token } of [caller, colleagueOf(home, caller), caller]) {
      const reply = await walk.ask(home, "PUT", "/users/profile", { token, body, headers });
      expect(reply.json).toMatchObject({ id, ...body });
    }
  },
  "a filter by somebody foreign": async ({ walk, home, other, caller, stranger, choose }) => {
    const path = choose([
      `/audit?target=${stranger.id}`,
      `/audit?principal=user:${stranger.id}`,
      `/events?source_id=${choose(other.webhooks)}`,
      `/webhooks/events?service=${other.own.slug}`,
      `/webhooks/rejections?service=${other.own.slug}`,
    ]);
    const reply = await walk.ask(home, "GET", path, { token: caller.token });
    expect(reply.json).toEqual({ data: [], next_cursor: null });
  },
  "a foreign service": async ({ walk, home, other, caller, choose }) => {
    const { slug } = other.own;
    const { token } = caller;
    const [method, path, body] = choose([
      ["GET", `/services/${slug}`, undefined],
      ["PUT", `/services/${slug}`, { name: walk.fresh(home, "Taken") }],
      ["DELETE", `/services/${slug}`, undefined],
      ["POST", `/webhooks/${slug}/test`, { type: "order.placed" }],
    ] as const);
    const ask = { token, ...(body ? { body } : {}), sent: [slug] };
    expectProblem(await walk.ask(home, method, path, ask), "not-found");
  },
  "a foreign webhook": async ({ walk, home, other, caller, choose }) => {
    const id = choose(other.webhooks);
    const [method, verb] = choose([
      ["GET", ""],
      ["POST", "/replay"],
    ] as const);
    const ask = { token: caller.token, sent: [id] };
    const reply = await walk.ask(home, method, `/webhooks/events/${id}${verb}`, ask);
    expectProblem(reply, "not-found");
  },
  "a foreign event": async ({ walk, home, other, caller, choose }) => {
    const id = choose(other.events);
    const ask = { token: caller.token, sent: [id] };
    expectProblem(await walk.ask(home, "GET", `/events/${id}`, ask), "not-found");
  },
  "a foreign signature": async ({ walk, home, other, choose }) => {
    // What the other received, to the letter, and what is the home's own but for the secret.
    const theirs = choose(other.deliveries);
    const forged = await signed(
      { ...home.shop, secret: other.shop.secret },
      choose([theirs.body, new TextEncoder().encode(JSON.stringify(orderOf(walk, home)))]),
    );
    expectProblem(await deliverTo(walk, home, choose([theirs, forged])), "invalid-signature");
  },
  "a webhook of a foreign service": async ({ walk, home, other }) => {
    const delivery = await signed(other.own, JSON.stringify(orderOf(walk, home)));
    expectProblem(await deliverTo(walk, home, delivery, [other.own.slug]), "not-found");
  },
  "dead letters of a foreign service": async ({ walk, home, other, caller }) => {
    const ask = { token: caller.token, body: { service: other.own.slug } };
    const { json } = await walk.ask(home, "POST", "/webhooks/dead-letters/replay", ask);
    expect(json).toEqual({ matched: 0, replayed: 0, more: false });
  },
  "a foreign entity tag": async ({ walk, home, other, caller, choose }) => {
    const headers = { "if-none-match": choose(other.etags) };
    const { token } = caller;
    ok(await walk.ask(home, "GET", "/tenants/current", { token, headers }));
  },
  "a forwarded host": async ({ walk, home, other, caller, stranger }) => {
    const headers = { "x-forwarded-host": new URL(other.origin).host };
    const reply = await walk.ask(home, "GET", "/tenants/current", {
      token: caller.token,
      headers,
    });
    expect(reply.json).toMatchObject({ id: home.id });
    const foreign = { token: stranger.token, headers };
    expectProblem(await walk.ask(home, "GET", "/auth/me", foreign), "unauthenticated");
  },
};

/** A page of a list, from its start or from where an earlier page ended. */
async function listPage({ walk, home, caller, choose }: Cast, list: ListName): Promise<Reply> {
  const cursor = choose(["", ...home.cursors[list]]);
  const path = `${LISTS[list]}?limit=2${cursor && `&cursor=${cursor}`}`;
  const reply = await walk.ask(home, "GET", path, { token: caller.token });
  ok(reply);
  if (reply.json.next_cursor) keep(home.cursors[list], reply.json.next_cursor);
  return reply;
}

async function refuseCursor(
  { walk, home, caller }: Cast,
  list: ListName,
  cursor: string,
): Promise<void> {
  const path = `${LISTS[list]}?limit=2&cursor=${encodeURIComponent(cursor)}`;
  const reply = await walk.ask(home, "GET", path, { token: caller.token, sent: [cursor] });
  expectProblem(reply, "invalid-cursor");
}

/** Reads with a bookmark, and looks where the database was told to start. */
async function readFrom(
  { walk, home, caller }: Cast,
  bookmark: string,
  start: string,
): Promise<void> {
  walk.starts(home);
  const reply = await walk.ask(home, "GET", "/auth/me", {
    token: caller.token,
    headers: { "x-d1-bookmark": bookmark },
  });
  expect(reply.json).toMatchObject({ id: caller.id });
  const starts = walk.starts(home).filter((each) => each !== "first-primary");
  expect(starts).toEqual([start]);
}

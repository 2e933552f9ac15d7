/** Webhooks and what became of them: received, looked at, replayed, and tried by strangers. */
import { expect } from "vitest";
import { signed } from "../support/webhooks.ts";
import { listPage, ok, type Steps } from "./cast.ts";
import { deliverTo, expectProblem, keep, orderOf, receive } from "./walk.ts";

export const WEBHOOKS: Steps = {
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

export const WEBHOOKS_FORGED: Steps = {
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
};

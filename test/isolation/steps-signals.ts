/** Actors, what they do, signals and rules: what their owners do with them, and strangers try. */
import { expect } from "vitest";
import { listPage, ok, type Steps } from "./cast.ts";
import { expectProblem, type Home, keep, type Walk } from "./walk.ts";

const newActor = (walk: Walk, home: Home) => ({ type: "support", name: walk.fresh(home, "Actor") });

/** A metric of the home's own, and one whose name all tenants have. */
const metricOf = ({ mark }: Home) => `load.${mark}`;
const SHARED_METRIC = "load.of_all";

const newRule = (home: Home, metric: string) => ({
  metric,
  operator: ">",
  threshold: 1_000 + home.index,
  severity: "low",
});

const newSignal = (walk: Walk, home: Home) => ({
  severity: "medium",
  title: walk.fresh(home, "Signal"),
  description: walk.fresh(home, "Seen"),
});

/** Above the home's own threshold: its number is in it. */
const breachOf = ({ index }: Home) => 5_000 + index;

const newEvent = (walk: Walk, home: Home, actor: string) => ({
  actor_id: actor,
  event_type: walk.fresh(home, "type"),
  subject: walk.fresh(home, "subject"),
  metadata: { note: walk.fresh(home, "note"), [metricOf(home)]: breachOf(home) },
});

/** Two of each, so that lists have two pages. */
export async function openSignals(walk: Walk, home: Home, token: string): Promise<void> {
  const add = async (path: string, body: object): Promise<string> => {
    const reply = await walk.ask(home, "POST", path, { token, body });
    ok(reply, 201);
    return reply.json.id;
  };
  for (const metric of [metricOf(home), SHARED_METRIC]) {
    home.rules.push(await add("/signal-rules", newRule(home, metric)));
    home.actors.push(await add("/actors", newActor(walk, home)));
    home.signals.push(await add("/signals", newSignal(walk, home)));
  }
  home.events.push(await add("/events", newEvent(walk, home, home.actors[0] ?? "")));
}

export const SIGNALS: Steps = {
  "list actors": async (cast) => {
    const { data } = (await listPage(cast, "actors")).json;
    for (const { name } of data) expect(name).toContain(cast.home.mark);
  },
  "an actor": async ({ walk, home, caller, choose }) => {
    const path = `/actors/${choose(home.actors)}`;
    const { name } = newActor(walk, home);
    const { token } = caller;
    ok(await walk.ask(home, "PUT", path, { token, body: { name } }));
    expect((await walk.ask(home, "GET", path, { token })).json).toMatchObject({ name });
  },
  "another actor": async ({ walk, home, caller }) => {
    const { token } = caller;
    const made = await walk.ask(home, "POST", "/actors", { token, body: newActor(walk, home) });
    ok(made, 201);
    const path = `/actors/${made.json.id}`;
    ok(await walk.ask(home, "DELETE", path, { token }), 204);
    expectProblem(await walk.ask(home, "GET", path, { token }), "not-found");
  },
  "record an event": async ({ walk, home, caller, choose }) => {
    const body = newEvent(walk, home, choose(home.actors));
    const { token } = caller;
    const made = await walk.ask(home, "POST", "/events", { token, body });
    ok(made, 201);
    keep(home.events, made.json.id);
    const path = `/events?actor_id=${body.actor_id}&subject=${body.subject}`;
    const { json } = await walk.ask(home, "GET", path, { token });
    expect(json.data).toHaveLength(1);
    expect(json.data[0]).toMatchObject(body);
  },
  "record events at once": async ({ walk, home, caller }) => {
    const { token } = caller;
    const body = { events: home.actors.map((actor) => newEvent(walk, home, actor)) };
    const { json } = await walk.ask(home, "POST", "/events/batch", { token, body });
    expect(json).toMatchObject({ created: home.actors.length, rejected: 0 });
  },
  "list signals": async (cast) => {
    const { data } = (await listPage(cast, "signals")).json;
    expect(data.length).toBeGreaterThan(0);
  },
  "open a signal": async ({ walk, home, caller }) => {
    const body = newSignal(walk, home);
    const { token } = caller;
    const made = await walk.ask(home, "POST", "/signals", { token, body });
    ok(made, 201);
    keep(home.signals, made.json.id);
    const read = await walk.ask(home, "GET", `/signals/${made.json.id}`, { token });
    expect(read.json).toMatchObject({ ...body, source: "manual", status: "open" });
  },
  "report an outage": async ({ walk, home, caller }) => {
    const { token } = caller;
    const body = { downtime_minutes: 10 + home.index };
    const made = await walk.ask(home, "POST", "/signals", { token, body });
    ok(made, 201);
    expect(made.json).toMatchObject({ ...body, source: "sla", severity: "critical" });
  },
  "report a metric": async ({ walk, home, caller, choose }) => {
    const { token } = caller;
    const metric = choose([metricOf(home), SHARED_METRIC]);
    const body = { metric, metric_value: breachOf(home) };
    const reply = await walk.ask(home, "POST", "/signals", { token, body });
    expect([200, 201], reply.text).toContain(reply.status);
    expect(reply.json).toMatchObject({ ...body, source: "infra", severity: "low" });
    const { json } = await walk.ask(home, "GET", "/signals?source=rule&limit=100", { token });
    const opened = json.data.filter((each: { metric: string }) => each.metric === metric);
    expect(opened).toHaveLength(1);
    expect(home.rules).toContain(opened[0].rule_id);
    expect(opened[0].metric_value).toBe(breachOf(home));
  },
  "look after a signal": async ({ walk, home, caller, choose }) => {
    const path = `/signals/${choose(home.signals)}`;
    const { token } = caller;
    const seen = await walk.ask(home, "POST", `${path}/acknowledge`, { token });
    if (seen.status !== 200) return expectProblem(seen, "signal-state");
    const body = { user_id: caller.id };
    const assigned = await walk.ask(home, "POST", `${path}/assign`, { token, body });
    expect(assigned.json).toMatchObject({ status: "acknowledged", assignee_id: caller.id });
  },
  "resolve a signal": async ({ walk, home, caller, choose }) => {
    const path = `/signals/${choose(home.signals)}/resolve`;
    const body = { note: walk.fresh(home, "Note") };
    const { json } = await walk.ask(home, "POST", path, { token: caller.token, body });
    expect(json.status).toBe("resolved");
  },
  "count signals": async ({ walk, home, caller }) => {
    const { token } = caller;
    const stats = async () => (await walk.ask(home, "GET", "/stats", { token })).json;
    const before = await stats();
    const metrics = await walk.ask(home, "GET", "/signals/metrics", { token });
    ok(metrics);
    expect(metrics.json.unresolved.total).toBeLessThanOrEqual(before.total_signals);
    const body = { downtime_minutes: 10 + home.index };
    ok(await walk.ask(home, "POST", "/signals", { token, body }), 201);
    const [total_signals, critical] = [before.total_signals + 1, before.critical + 1];
    expect(await stats()).toMatchObject({ total_signals, critical, warning: before.warning });
  },
  "list rules": async (cast) => {
    const { data } = (await listPage(cast, "rules")).json;
    for (const { id } of data) expect(cast.home.rules).toContain(id);
  },
  "a rule": async ({ walk, home, caller, choose }) => {
    const path = `/signal-rules/${choose(home.rules)}`;
    const body = { threshold: choose([1_000, 1_500, 2_000]) + home.index };
    const { token } = caller;
    ok(await walk.ask(home, "PUT", path, { token, body }));
    expect((await walk.ask(home, "GET", path, { token })).json).toMatchObject(body);
  },
};

export const SIGNALS_FORGED: Steps = {
  "a foreign actor": async ({ walk, home, other, caller, choose }) => {
    const id = choose(other.actors);
    const [method, body] = choose([
      ["GET", undefined],
      ["PUT", { name: walk.fresh(home, "Taken") }],
      ["DELETE", undefined],
    ] as const);
    const ask = { token: caller.token, ...(body ? { body } : {}), sent: [id] };
    expectProblem(await walk.ask(home, method, `/actors/${id}`, ask), "not-found");
  },
  "an event of a foreign actor": async ({ walk, home, other, caller, choose }) => {
    const event = newEvent(walk, home, choose(other.actors));
    const { token } = caller;
    const sent = [event.actor_id];
    const one = await walk.ask(home, "POST", "/events", { token, body: event, sent });
    expectProblem(one, "validation-failed");
    const ask = { token, body: { events: [event] }, sent };
    expect((await walk.ask(home, "POST", "/events/batch", ask)).json.created).toBe(0);
    const list = await walk.ask(home, "GET", `/events?actor_id=${event.actor_id}`, { token, sent });
    expect(list.json.data).toEqual([]);
  },
  "a foreign signal": async ({ walk, home, other, caller, choose }) => {
    const id = choose(other.signals);
    const [method, rest, body] = choose([
      ["GET", "", undefined],
      ["POST", "/acknowledge", undefined],
      ["POST", "/assign", { user_id: caller.id }],
      ["POST", "/resolve", undefined],
    ] as const);
    const ask = { token: caller.token, ...(body ? { body } : {}), sent: [id] };
    expectProblem(await walk.ask(home, method, `/signals/${id}${rest}`, ask), "not-found");
  },
  "a foreign assignee": async ({ walk, home, other, caller, stranger, choose }) => {
    const user = choose([stranger.id, ...other.users]);
    const path = `/signals/${choose(home.signals)}/assign`;
    const ask = { token: caller.token, body: { user_id: user }, sent: [user] };
    const reply = await walk.ask(home, "POST", path, ask);
    // Nobody is told whether the user is somewhere: of a signal that is resolved, only that.
    expectProblem(reply, reply.status === 409 ? "signal-state" : "validation-failed");
  },
  "a foreign rule": async ({ walk, home, other, caller, choose }) => {
    const id = choose(other.rules);
    const [method, body] = choose([
      ["GET", undefined],
      ["PUT", { active: false }],
      ["DELETE", undefined],
    ] as const);
    const ask = { token: caller.token, ...(body ? { body } : {}), sent: [id] };
    expectProblem(await walk.ask(home, method, `/signal-rules/${id}`, ask), "not-found");
  },
  "a foreign ticket": async ({ walk, home, other, stranger }) => {
    const ticket = await walk.ask(other, "POST", "/signals/stream-tickets", {
      token: stranger.token,
    });
    ok(ticket, 201);
    const protocols = ticket.json.protocols.join(", ");
    const headers = { upgrade: "websocket", "sec-websocket-protocol": protocols };
    const reply = await walk.ask(home, "GET", "/signals/stream", { headers });
    expectProblem(reply, "invalid-ticket");
  },
};

/** Destinations: what their owners do with them, and strangers try. */
import { expect } from "vitest";
import { newId } from "../../src/platform/ids.ts";
import { seen, servers } from "../support/called-services.ts";
import { canariesIn } from "./canary-scan.ts";
import { listPage, ok, type Steps } from "./cast.ts";
import { expectProblem, type Home, keep, type Walk } from "./walk.ts";

/** A place of the home's own on the misbehaving server, which says what it got. */
const urlOf = ({ mark }: Home) => `${servers().first}/echo/deliveries-${mark}?of=${mark}`;

const newDestination = (walk: Walk, home: Home, eventTypes: readonly string[] | null) => ({
  url: urlOf(home),
  description: walk.fresh(home, "Destination"),
  event_types: eventTypes,
});

/** Two destinations: one for all that happens, one for what only this tenant has. */
export async function openDestinations(walk: Walk, home: Home, token: string): Promise<void> {
  for (const types of [null, [`order.${home.mark}`, `${home.mark}.*`]]) {
    const body = newDestination(walk, home, types);
    const reply = await walk.ask(home, "POST", "/destinations", { token, body });
    ok(reply, 201);
    home.destinations.push(reply.json.id);
  }
}

/** Whose canaries arrived at the home's place. */
export async function arrivedAt({ mark }: Home): Promise<{ count: number; of: number[] }> {
  const requests = await seen(`deliveries-${mark}`);
  return { count: requests.length, of: [...canariesIn(JSON.stringify(requests))] };
}

const pathOf = ({ destinations: [all] }: Home) => `/destinations/${all}`;

export const DESTINATIONS: Steps = {
  "list destinations": async (cast) => {
    const { data } = (await listPage(cast, "destinations")).json;
    for (const { description } of data) expect(description).toContain(cast.home.mark);
  },
  "a destination": async ({ walk, home, caller, choose }) => {
    const path = `/destinations/${choose(home.destinations)}`;
    const body = { description: walk.fresh(home, "Described") };
    const { token } = caller;
    expect((await walk.ask(home, "PUT", path, { token, body })).json).toMatchObject(body);
    const { json } = await walk.ask(home, "GET", path, { token });
    expect(json).toMatchObject({ ...body, url: urlOf(home), status: "enabled" });
  },
  "another destination": async ({ walk, home, caller }) => {
    const { token } = caller;
    const body = newDestination(walk, home, [walk.fresh(home, "type")]);
    const made = await walk.ask(home, "POST", "/destinations", { token, body });
    ok(made, 201);
    const path = `/destinations/${made.json.id}`;
    ok(await walk.ask(home, "DELETE", path, { token }), 204);
    expectProblem(await walk.ask(home, "GET", path, { token }), "not-found");
  },
  "rotate a destination's secret": async ({ walk, home, caller, choose }) => {
    const path = `/destinations/${choose(home.destinations)}/secrets`;
    const { json } = await walk.ask(home, "POST", path, { token: caller.token });
    expect(json.secrets).toHaveLength(2);
  },
  "send a sample": async ({ walk, home, caller, choose }) => {
    const path = `/destinations/${choose(home.destinations)}/test`;
    const body = { type: walk.fresh(home, "sample"), data: { of: walk.fresh(home, "data") } };
    ok(await walk.ask(home, "POST", path, { token: caller.token, body }), 202);
  },
  "list deliveries": async ({ walk, home, caller, choose }) => {
    const query = choose(["", "?status=delivered", "?event_type=order.placed"]);
    const reply = await walk.ask(home, "GET", `${pathOf(home)}/deliveries${query}`, {
      token: caller.token,
    });
    ok(reply);
    for (const { id } of reply.json.data) keep(home.outgoing, id);
  },
  "a delivery": async ({ walk, home, caller, choose }) => {
    const path = `${pathOf(home)}/deliveries/${choose(home.outgoing)}`;
    const { json } = await walk.ask(home, "GET", path, { token: caller.token });
    for (const { outcome, response_text } of json.attempt_log) {
      if (outcome === "delivered") expect(response_text).toContain(home.mark);
    }
  },
  "resend a delivery": async ({ walk, home, caller, choose }) => {
    const path = `${pathOf(home)}/deliveries/${choose(home.outgoing)}/resend`;
    const reply = await walk.ask(home, "POST", path, { token: caller.token });
    // The last one is under way.
    if (reply.status !== 202) expectProblem(reply, "delivery-state");
  },
  "resend deliveries": async ({ walk, home, caller, choose }) => {
    const body = { status: choose(["failed", "delivered"]), dry_run: true };
    const ask = { token: caller.token, body };
    const { json } = await walk.ask(home, "POST", `${pathOf(home)}/resend`, ask);
    expect(json).toMatchObject({ resent: 0, more: false });
    expect(json.matched > 0).toBe(body.status === "delivered");
  },
};

export const DESTINATIONS_FORGED: Steps = {
  "a foreign destination": async ({ walk, home, other, caller, choose }) => {
    const id = choose(other.destinations);
    const [method, rest, body] = choose([
      ["GET", "", undefined],
      ["PUT", "", { description: walk.fresh(home, "Taken") }],
      ["DELETE", "", undefined],
      ["POST", "/secrets", undefined],
      ["POST", "/test", {}],
      ["POST", "/resend", {}],
      ["GET", "/deliveries", undefined],
    ] as const);
    const ask = { token: caller.token, ...(body ? { body } : {}), sent: [id] };
    expectProblem(await walk.ask(home, method, `/destinations/${id}${rest}`, ask), "not-found");
  },
  "a foreign delivery": async ({ walk, home, other, caller, choose }) => {
    const id = choose(other.outgoing);
    const destination = choose([...home.destinations, ...other.destinations, newId("destination")]);
    const [method, verb] = choose([
      ["GET", ""],
      ["POST", "/resend"],
    ] as const);
    const path = `/destinations/${destination}/deliveries/${id}${verb}`;
    const ask = { token: caller.token, sent: [id, destination] };
    expectProblem(await walk.ask(home, method, path, ask), "not-found");
  },
};

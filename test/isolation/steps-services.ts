/** Services: what their owners do with them, and strangers try. */
import { expect } from "vitest";
import { SECRET, signed } from "../support/webhooks.ts";
import { listPage, ok, type Steps } from "./cast.ts";
import { deliverTo, expectProblem, keep, orderOf, receive } from "./walk.ts";

export const SERVICES: Steps = {
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

export const CALLS: Steps = {
  "call a service": async ({ walk, home, caller, choose }) => {
    const { token } = caller;
    const header = ["cache-control: private, max-age=60", "content-type: application/json"];
    const body = { method: "GET", path: "/orders", query: { header: choose([header, header[1]]) } };
    const { json } = await walk.ask(home, "POST", "/services/shop/requests", { token, body });
    expect(json).toMatchObject({ status: 200, body_encoding: "json" });
    expect(nameIn(json.body.headers.authorization)).toBe(home.mark);
  },
  "call a service under a key that all use": async ({ walk, home, caller }) => {
    const body = { method: "POST", path: "/orders", body: { of: home.mark } };
    const ask = { token: caller.token, body, headers: { "idempotency-key": "call-1" } };
    const reply = await walk.ask(home, "POST", "/services/shop/requests", ask);
    ok(reply);
    const known = home.answers.get(`${caller.id} call-1`);
    if (known) expect(reply.text).toBe(known.text);
    else home.answers.set(`${caller.id} call-1`, { body, text: reply.text });
  },
  "hold a breaker open": async ({ walk, home, caller }) => {
    const { token } = caller;
    const path = "/services/shop/breaker";
    ok(await walk.ask(home, "POST", `${path}/open`, { token }));
    const body = { method: "GET", path: "/orders/held" };
    const held = await walk.ask(home, "POST", "/services/shop/requests", { token, body });
    expectProblem(held, "circuit-open");
    ok(await walk.ask(home, "POST", `${path}/reset`, { token }));
    const { json } = await walk.ask(home, "GET", path, { token });
    expect(json).toMatchObject({ state: "closed", mode: "automatic" });
  },
};

/** The user's name of basic authentication. */
function nameIn(authorization: string): string | undefined {
  return atob(authorization.replace("Basic ", "")).split(":")[0];
}

export const SERVICES_FORGED: Steps = {
  "a foreign service": async ({ walk, home, other, caller, choose }) => {
    const { slug } = other.own;
    const { token } = caller;
    const [method, path, body] = choose([
      ["GET", `/services/${slug}`, undefined],
      ["PUT", `/services/${slug}`, { name: walk.fresh(home, "Taken") }],
      ["DELETE", `/services/${slug}`, undefined],
      ["POST", `/webhooks/${slug}/test`, { type: "order.placed" }],
      ["POST", `/services/${slug}/requests`, { method: "GET", path: "/" }],
      ["GET", `/services/${slug}/breaker`, undefined],
      ["POST", `/services/${slug}/breaker/open`, undefined],
    ] as const);
    const ask = { token, ...(body ? { body } : {}), sent: [slug] };
    expectProblem(await walk.ask(home, method, path, ask), "not-found");
  },
};

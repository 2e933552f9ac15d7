/** How to aim the operations of actors, signals, rules and jobs at something that is there. */
import { expect } from "vitest";
import { newId } from "../../src/platform/ids.ts";
import { addActor } from "../support/actors.ts";
import { addUser, call, type TestTenant } from "../support/client.ts";
import { bindings } from "../support/worker.ts";
import type { Fixture } from "./fixtures.ts";

let made = 0;

const newActor = () => ({ type: "support", name: `Actor of the matrix ${++made}` });
const newSignal = () => ({ severity: "low", title: `Signal of the matrix ${++made}` });
const newRule = () => ({
  metric: `matrix.${++made}`,
  operator: ">",
  threshold: 100,
  severity: "low",
});

async function add(tenant: TestTenant, path: string, body: object): Promise<string> {
  const reply = await call("POST", `${tenant.api}${path}`, { token: tenant.admin.token, body });
  expect(reply.status, reply.text).toBe(201);
  return reply.json.id;
}

const one = (path: string, make: () => object, kind: "actor" | "signal" | "rule") => ({
  with: (body?: object): Fixture => ({
    target: async ({ house }) => ({
      params: { id: await add(house.tenant, path, make()) },
      ...(body ? { body } : {}),
    }),
    nowhere: () => ({ params: { id: newId(kind) }, ...(body ? { body } : {}) }),
  }),
});
const anActor = one("/actors", newActor, "actor");
const aSignal = one("/signals", newSignal, "signal");
const aRule = one("/signal-rules", newRule, "rule");

/** An event names who did it. */
const byActor = (bodyOf: (event: object) => object): Fixture => {
  const event = (id: string) => ({ actor_id: id, event_type: `matrix.${++made}` });
  return {
    target: async ({ house }) => ({ body: bodyOf(event(await addActor(house.tenant))) }),
    nowhere: () => ({ body: bodyOf(event(newId("actor"))) }),
  };
};

/** A run that the clock has begun: written as the clock does, but calling nobody. */
async function addRun(): Promise<string> {
  const id = newId("jobRun");
  await bindings.CONTROL_DB.prepare(
    `INSERT INTO job_runs (id, name, status, started_at, finished_at, done, failed)
      VALUES (?, 'matrix', 'done', ?, ?, 0, 0)`,
  )
    .bind(id, Date.now(), Date.now())
    .run();
  return id;
}

export const SIGNAL_FIXTURES: Readonly<Record<string, Fixture>> = {
  "POST /api/v1/actors": { target: () => ({ body: newActor() }) },
  "GET /api/v1/actors/{id}": anActor.with(),
  "PUT /api/v1/actors/{id}": anActor.with({ name: "Changed" }),
  "DEL /api/v1/actors/{id}": anActor.with(),
  "POST /api/v1/events": byActor((event) => event),
  "POST /api/v1/events/batch": byActor((event) => ({ events: [event] })),
  "POST /api/v1/signals": { target: () => ({ body: newSignal() }) },
  "GET /api/v1/signals/stream": { target: ({ house }) => ({ stream: house }) },
  "GET /api/v1/signals/{id}": aSignal.with(),
  "POST /api/v1/signals/{id}/acknowledge": aSignal.with(),
  "POST /api/v1/signals/{id}/assign": {
    target: async ({ house: { tenant } }) => ({
      params: { id: await add(tenant, "/signals", newSignal()) },
      body: { user_id: (await addUser(tenant, "manager")).id },
    }),
    nowhere: () => ({ params: { id: newId("signal") }, body: { user_id: newId("user") } }),
  },
  "POST /api/v1/signals/{id}/resolve": aSignal.with(),
  "POST /api/v1/signal-rules": { target: () => ({ body: newRule() }) },
  "GET /api/v1/signal-rules/{id}": aRule.with(),
  "PUT /api/v1/signal-rules/{id}": aRule.with({ threshold: 200 }),
  "DEL /api/v1/signal-rules/{id}": aRule.with(),
  "GET /api/v1/jobs/{id}": {
    target: async () => ({ params: { id: await addRun() } }),
    nowhere: () => ({ params: { id: newId("jobRun") } }),
  },
};

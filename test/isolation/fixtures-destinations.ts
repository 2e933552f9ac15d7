/** How to aim the operations of destinations at something that is there. */
import { expect, vi } from "vitest";
import { newId } from "../../src/platform/ids.ts";
import { call, type TestTenant } from "../support/client.ts";
import { newReceiver } from "../support/destinations.ts";
import type { Fixture } from "./fixtures.ts";

let made = 0;

/** A destination of its own, which wants nothing of what happens beside it. */
const newDestination = () => ({
  url: newReceiver().url,
  event_types: [`matrix.${++made}`],
});

async function addDestination({ api, admin }: TestTenant): Promise<string> {
  const ask = { token: admin.token, body: newDestination() };
  const reply = await call("POST", `${api}/destinations`, ask);
  expect(reply.status, reply.text).toBe(201);
  return reply.json.id;
}

/** A sample that has arrived. */
async function addDelivery(tenant: TestTenant) {
  const id = await addDestination(tenant);
  const { token } = tenant.admin;
  const path = `${tenant.api}/destinations/${id}`;
  const sent = await call("POST", `${path}/test`, { token, body: {} });
  expect(sent.status, sent.text).toBe(202);
  await vi.waitFor(
    async () => {
      const { json } = await call("GET", `${path}/deliveries/${sent.json.id}`, { token });
      expect(json.status).toBe("delivered");
    },
    { timeout: 20_000, interval: 25 },
  );
  return { id, delivery_id: sent.json.id as string };
}

const one = (body?: unknown): Fixture => ({
  target: async ({ house }) => ({ params: { id: await addDestination(house.tenant) }, body }),
  nowhere: () => ({ params: { id: newId("destination") }, body }),
});

const oneDelivery: Fixture = {
  target: async ({ house }) => ({ params: await addDelivery(house.tenant) }),
  nowhere: () => ({ params: { id: newId("destination"), delivery_id: newId("delivery") } }),
};

export const DESTINATION_FIXTURES: Readonly<Record<string, Fixture>> = {
  "POST /api/v1/destinations": { target: () => ({ body: newDestination() }) },
  "GET /api/v1/destinations/{id}": one(),
  "PUT /api/v1/destinations/{id}": one({ description: "Changed" }),
  "DEL /api/v1/destinations/{id}": one(),
  "POST /api/v1/destinations/{id}/secrets": one(),
  "POST /api/v1/destinations/{id}/resend": one({ status: "failed" }),
  "POST /api/v1/destinations/{id}/test": one({}),
  "GET /api/v1/destinations/{id}/deliveries": one(),
  "GET /api/v1/destinations/{id}/deliveries/{delivery_id}": oneDelivery,
  "POST /api/v1/destinations/{id}/deliveries/{delivery_id}/resend": oneDelivery,
};

/** The whole way, by the real queue and the real clock, of two tenants at once. */
import { expect, it, vi } from "vitest";
import { call, newTenant, type TestTenant } from "../../support/client.ts";
import { newReceiver, type Receiver } from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";
import { addService, eventually, post, type TestService } from "../../support/webhooks.ts";
import { databaseOfTenant } from "../../support/worker.ts";

const EVENTS = 30;

interface House {
  readonly tenant: TestTenant;
  readonly service: TestService;
  readonly receiver: Receiver;
  readonly secret: string;
}

async function newHouse(): Promise<House> {
  const tenant = await newTenant();
  const service = await addService(tenant, "generic", { slug: "shop" });
  const receiver = newReceiver();
  const reply = await call("POST", `${tenant.api}/destinations`, {
    token: tenant.admin.token,
    body: { url: receiver.url },
  });
  expect(reply.status, reply.text).toBe(201);
  return { tenant, service, receiver, secret: reply.json.secret };
}

it("what happens at one tenant arrives at its destination, and never at another's", async ({
  task,
}) => {
  const houses = [await newHouse(), await newHouse()] as const;
  const secrets = houses.map(({ secret }) => secret);
  for (const { receiver } of houses) await receiver.set({ secrets });
  const names = Array.from({ length: EVENTS }, (_, nth) => `event-${nth}`);
  for (const name of names) {
    await Promise.all(
      houses.map(async ({ service, tenant }) => {
        const reply = await post(service, name, "order.placed", { id: name, of: tenant.slug });
        expect(reply.status, reply.text).toBe(202);
      }),
    );
  }
  for (const [nth, { tenant, receiver }] of houses.entries()) {
    await vi.waitFor(
      async () => expect((await receiver.arrived()).length).toBeGreaterThanOrEqual(EVENTS),
      { timeout: 60_000, interval: 50 },
    );
    const arrived = await receiver.arrived();
    const bodies = arrived.map(({ body }) => JSON.parse(body).data);
    expect(new Set(bodies.map(({ metadata }) => metadata.of))).toEqual(new Set([tenant.slug]));
    expect(new Set(bodies.map(({ subject }) => subject))).toEqual(new Set(names));
    const none = "No matching signature found";
    const verdicts = nth === 0 ? ["ok", none] : [none, "ok"];
    for (const each of arrived) expect(each.verdicts).toEqual(verdicts);
    const list = await call("GET", `${tenant.api}/events?limit=100`, {
      token: tenant.admin.token,
    });
    const recorded = list.json.data.map(({ id }: { id: string }) => id).sort();
    const ids = new Set(arrived.map(({ headers }) => headers["webhook-id"]));
    expect([...ids].sort()).toEqual(recorded);
    expect(arrived).toHaveLength(EVENTS);
  }
  showFigures(
    task,
    `2 tenants, ${EVENTS} events each by the real queue: all verified, none astray`,
  );
});

it("a sealed secret of one tenant opens nothing at another", async () => {
  const [one, other] = [await newHouse(), await newHouse()];
  const [from, to] = [
    await databaseOfTenant(one.tenant.slug),
    await databaseOfTenant(other.tenant.slug),
  ];
  const stolen = await from.prepare("SELECT id, sealed FROM destination_secrets").first();
  await to
    .prepare("UPDATE destination_secrets SET id = ?, sealed = ?")
    .bind(stolen?.id, stolen?.sealed)
    .run();
  const first = await post(other.service, "stolen", "order.placed", { id: "stolen" });
  await eventually(other.tenant, first.json.event_id, "completed");
  await vi.waitFor(
    async () => {
      const row = await to.prepare("SELECT status, last_error FROM deliveries").first();
      expect(row).toEqual({ status: "pending", last_error: "Something went wrong on our side" });
    },
    { timeout: 20_000, interval: 25 },
  );
  expect(await other.receiver.arrived()).toEqual([]);
});

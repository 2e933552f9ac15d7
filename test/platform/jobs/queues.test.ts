/** Each bell goes through the queue of its job; and what one queue waits for, no other one does. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { DELIVER } from "../../../src/features/destinations/index.ts";
import { consume, type QueueJob } from "../../../src/platform/jobs/consume.ts";
import { doorbell, type QueueName } from "../../../src/platform/jobs/doorbell.ts";
import { createQueues } from "../../../src/platform/jobs/queues.ts";
import { createMeter } from "../../../src/platform/observe/meter.ts";
import { queueJobs } from "../../../src/registry.ts";
import { call, newTenant } from "../../support/client.ts";
import { newReceiver } from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";
import { CONSUMERS, holdQueues } from "../../support/held-queues.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { times } from "../../support/registration.ts";
import { addService, eventOf, post, signed } from "../../support/webhooks.ts";
import { bindings, databaseOfTenant, firstValue, openWorker } from "../../support/worker.ts";

const HOUSE = { id: "tenant_of_nobody", slug: "nobody" };
const bellFor = (queue: QueueName, item?: string) =>
  doorbell({ name: `t.${queue}`, queue }, HOUSE, item === undefined ? {} : { item });

describe("the queues", () => {
  function opened() {
    const kept = keptQueues();
    const meter = createMeter();
    const queues = createQueues({ ...bindings, ...kept.bindings }, meter);
    return { ...queues, take: kept.take, meter };
  }

  it("delay by whole seconds, never before, and a day at most; every call is counted", async () => {
    const { ring, take, meter } = opened();
    for (const delay of [undefined, -5, 0, 0.001, 5, 5.2, 86_400, 86_401, 1e9]) {
      await ring(bellFor("doorbells"), delay);
    }
    const delays = take().map(({ delaySeconds }) => delaySeconds);
    expect(delays).toEqual([0, 0, 0, 1, 5, 6, 86_400, 86_400, 86_400]);
    expect(meter).toMatchObject({ tenantTrips: 0, controlTrips: 0, queueSends: 9 });
  });

  it.each(["doorbells", "deliveries", "dead-letters"] as const)(
    "take a bell of a job of %s there, alone or with others",
    async (queue) => {
      const { ring, ringAll, take, meter } = opened();
      const bells = [bellFor(queue), bellFor(queue, "x")];
      for (const bell of bells) await ring(bell);
      await ringAll(bells);
      const sent = [...bells, ...bells].map((bell) => ({ ...bell, delaySeconds: 0 }));
      expect(take()).toEqual(sent);
      expect(meter.queueSends).toBe(3);
    },
  );

  it("take bells of many jobs each to its own, in one call for each queue", async () => {
    const { ringAll, take, meter } = opened();
    const names = ["deliveries", "doorbells", "deliveries", "dead-letters"] as const;
    await ringAll(names.map((queue, nth) => bellFor(queue, `${nth}`)));
    expect(take().map(({ queue, body }) => `${queue} ${body.job} ${body.item}`)).toEqual([
      "deliveries t.deliveries 0",
      "deliveries t.deliveries 2",
      "doorbells t.doorbells 1",
      "dead-letters t.dead-letters 3",
    ]);
    expect(meter.queueSends).toBe(3);
    await ringAll([]);
    expect(meter.queueSends).toBe(3);
  });

  it("are those that jobs name: deliveries have theirs to themselves", () => {
    const elsewhere = queueJobs.filter(({ queue }) => queue !== "doorbells");
    expect(elsewhere.map(({ name, queue }) => [name, queue])).toEqual([
      ["webhooks.dead_letter", "dead-letters"],
      ["destinations.deliver", "deliveries"],
    ]);
  });
});

it("a delivery reaches its receiver through the real queues", async () => {
  const tenant = await newTenant();
  const service = await addService(tenant);
  const receiver = newReceiver();
  const added = await call("POST", `${tenant.api}/destinations`, {
    token: tenant.admin.token,
    body: { url: receiver.url },
  });
  expect(added.status, added.text).toBe(201);
  await receiver.set({ secrets: [added.json.secret], now: Date.now() });
  const reply = await post(service, "there");
  expect(reply.status, reply.text).toBe(202);
  await vi.waitFor(async () => expect(await receiver.arrived()).toHaveLength(1), {
    timeout: 20_000,
    interval: 50,
  });
});

describe("while all receivers hang", () => {
  let release = () => {};
  afterEach(() => release());

  it("and every consumer of deliveries waits for them, a webhook is processed", async ({
    task,
  }) => {
    const queues = holdQueues();
    const worker = openWorker(queues.bindings());
    const tenant = await newTenant();
    const service = await addService(tenant);
    const { promise: hanging, resolve } = Promise.withResolvers<void>();
    release = resolve;
    let waiting = 0;
    const jobs = queueJobs.map(
      (job): QueueJob =>
        job.name === DELIVER.name
          ? {
              ...job,
              run: async () => {
                waiting += 1;
                await hanging;
              },
            }
          : job,
    );
    const underway: Promise<void>[] = [];
    const busy = new Map<QueueName, number>();
    /** Gives every consumer that is free a batch. @returns those that were given one */
    const consumeSome = (queue: QueueName): Promise<void>[] => {
      const begun: Promise<void>[] = [];
      while ((busy.get(queue) ?? 0) < CONSUMERS[queue].concurrency) {
        const taken = queues.take(queue);
        if (taken.length === 0) break;
        busy.set(queue, (busy.get(queue) ?? 0) + 1);
        begun.push(
          queues
            .deliver(taken, (batch) => consume(jobs, batch, worker.env))
            .finally(() => busy.set(queue, (busy.get(queue) ?? 0) - 1)),
        );
      }
      underway.push(...begun);
      return begun;
    };
    // Each for another item, as if it were another tenant's: more than the consumers can take at once.
    const { concurrency, batchSize } = CONSUMERS.deliveries;
    const { ringAll } = createQueues(worker.env, createMeter());
    await ringAll(
      times(2 * concurrency * batchSize, (nth) => doorbell(DELIVER, tenant, { item: `${nth}` })),
    );
    for (const queue of ["deliveries", "doorbells"] as const) consumeSome(queue);
    // As many as a batch serves at once, in every consumer of theirs.
    await vi.waitFor(() => expect(waiting).toBe(4 * concurrency), { timeout: 20_000 });

    const { url, headers, body } = await signed(service, eventOf(service, "meanwhile"));
    const reply = await worker.call("POST", url, { headers, raw: body });
    expect(reply.status, reply.text).toBe(202);
    await Promise.all(consumeSome("doorbells"));
    const status = await firstValue(
      await databaseOfTenant(tenant.slug),
      "SELECT status FROM webhook_events WHERE id = ?",
      reply.json.event_id,
    );
    const left = queues.waiting().filter(({ queue }) => queue === "deliveries").length;
    showFigures(task, `  ${waiting} deliveries hang, ${left} bells wait; the webhook is ${status}`);
    expect(status).toBe("completed");
    expect([waiting, left]).toEqual([4 * concurrency, concurrency * batchSize]);
    release();
    await Promise.all(underway);
  });
});

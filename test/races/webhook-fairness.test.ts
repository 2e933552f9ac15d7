import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { DRAIN } from "../../src/features/webhooks/ring-drain.ts";
import { consume } from "../../src/platform/jobs/consume.ts";
import { doorbell } from "../../src/platform/jobs/doorbell.ts";
import { queueJobs } from "../../src/registry.ts";
import { newTenant, type TestTenant } from "../support/client.ts";
import { MINUTE } from "../support/clock.ts";
import { showFigures } from "../support/figures.ts";
import { holdQueues } from "../support/held-queues.ts";
import { times } from "../support/registration.ts";
import { addService, eventOf, signed, type TestService } from "../support/webhooks.ts";
import { databaseOfTenant, firstValue, openWorker } from "../support/worker.ts";

/** Events of the tenant whose flood it is, and how many of them may come before the other's. */
const FLOOD = 2_000;
const AT_MOST = FLOOD * 0.05;
/** Events that are sent in one request: who rings how often for them is another test's subject. */
const PER_BATCH = 500;
/** Consumers at once, as `wrangler.toml` says. */
const CONSUMERS = 5;

describe("a tenant's event behind another tenant's flood", () => {
  const queues = holdQueues();
  const worker = openWorker(queues.bindings());
  let flooding: Tenant;
  let other: Tenant;
  let now = 0;
  let serial = 0;

  interface Tenant {
    readonly tenant: TestTenant;
    readonly service: TestService;
    readonly database: D1Database;
  }
  async function openTenant(): Promise<Tenant> {
    const tenant = await newTenant();
    const service = await addService(tenant, "generic", { tolerance_seconds: 3_600 });
    return { tenant, service, database: await databaseOfTenant(tenant.slug) };
  }

  async function post({ service }: Tenant, count = 1) {
    const events = times(count, () => eventOf(service, `event-${++serial}`));
    const delivery = await signed(service, `[${events.join()}]`, { path: "/batch" });
    const { url, headers, body } = delivery;
    const reply = await worker.call("POST", url, { headers, raw: body });
    expect(reply.status, reply.text).toBe(202);
  }

  const completedBy = ({ database }: Tenant) =>
    firstValue<number>(database, "SELECT count(*) FROM webhook_events WHERE status = 'completed'");

  const isWaiting = async ({ database }: Tenant) =>
    (await firstValue(database, "SELECT count(*) FROM webhook_events WHERE due_at NOTNULL")) !== 0;

  /** How many of the flood are completed while the other's event waits. */
  async function completedBefore(consumers: number): Promise<number> {
    await post(other);
    const before = await completedBy(flooding);
    while (await isWaiting(other)) {
      const batches = times(consumers, () => queues.take("doorbells"));
      expect(batches.flat().length, "messages are left").toBeGreaterThan(0);
      await Promise.all(
        batches.map((taken) =>
          queues.deliver(taken, (batch) => consume(queueJobs, batch, worker.env)),
        ),
      );
    }
    return (await completedBy(flooding)) - before;
  }

  /** Leaves the queue with a doorbell for each event of the flood, as when all had their 202. */
  function refill(): void {
    // A chain that broke off is trusted no more, and what was delayed is not delayed any longer.
    now += 2 * MINUTE;
    vi.setSystemTime(now);
    while (queues.waiting().length > 0) queues.take("doorbells");
    const { body } = doorbell(DRAIN, flooding.tenant);
    for (let rung = 0; rung < FLOOD; rung++) void queues.bindings().DOORBELLS.send(body);
  }

  beforeAll(async () => {
    [flooding, other] = [await openTenant(), await openTenant()];
    for (let sent = 0; sent < FLOOD; sent += PER_BATCH) await post(flooding, PER_BATCH);
  });
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
    // Never before what an earlier test left in the queue.
    now = Math.max(now, Date.now());
    vi.setSystemTime(now);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is processed before 5 % of the flood are", async ({ task }) => {
    const count = "SELECT count(*) FROM webhook_events";
    expect(await firstValue(flooding.database, count)).toBe(FLOOD);
    refill();
    const alone = await completedBefore(1);
    refill();
    const together = await completedBefore(CONSUMERS);
    showFigures(
      task,
      `  of ${FLOOD}: ${alone} with one consumer, ${together} with ${CONSUMERS} consumers`,
    );
    for (const completed of [alone, together]) {
      expect(completed).toBeGreaterThan(0);
      expect(completed).toBeLessThanOrEqual(AT_MOST);
    }
  });

  it("is not, and the test sees it, if every doorbell were a chain of its own", async ({
    task,
  }) => {
    // Nobody ever sees a chain that is alive, so that none gives way to it.
    await flooding.database.exec(
      "CREATE TRIGGER no_chain AFTER UPDATE ON webhook_drain BEGIN UPDATE webhook_drain SET chain = NULL, chain_until = 0; END",
    );
    refill();
    const completed = await completedBefore(1);
    showFigures(task, `  of ${FLOOD}: ${completed}`);
    expect(completed).toBeGreaterThan(AT_MOST);
  });
});

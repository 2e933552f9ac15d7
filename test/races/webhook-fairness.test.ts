import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { consume } from "../../src/platform/jobs/consume.ts";
import { queueJobs } from "../../src/registry.ts";
import { newTenant } from "../support/client.ts";
import { MINUTE } from "../support/clock.ts";
import { showFigures } from "../support/figures.ts";
import { type Held, holdQueues } from "../support/held-queues.ts";
import { times } from "../support/registration.ts";
import { addService, eventOf, signed, type TestService } from "../support/webhooks.ts";
import { databaseOfTenant, firstValue, openWorker } from "../support/worker.ts";

/** Events of the tenant whose flood it is, and how many of them may come before the other's. */
const FLOOD = 2_000;
const AT_MOST = FLOOD * 0.05;
/** Requests under way at once. */
const AT_ONCE = 50;
/** Consumers at once, as `wrangler.toml` says. */
const CONSUMERS = 5;

describe("a tenant's event behind another tenant's flood", () => {
  const queues = holdQueues();
  const worker = openWorker(queues.bindings());
  let flooding: Tenant;
  let other: Tenant;
  let bells: Held[];
  let now: number;
  let serial = 0;

  interface Tenant {
    readonly service: TestService;
    readonly database: D1Database;
  }
  async function openTenant(): Promise<Tenant> {
    const tenant = await newTenant();
    const service = await addService(tenant, "generic", { tolerance_seconds: 3_600 });
    return { service, database: await databaseOfTenant(tenant.slug) };
  }

  async function post({ service }: Tenant) {
    const { url, headers, body } = await signed(service, eventOf(service, `event-${++serial}`));
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

  /** Leaves the queue with the doorbells of the whole flood, as it was when all had their 202. */
  function refill(again: boolean): void {
    // A chain that broke off is trusted no more, and what was delayed is not delayed any longer.
    now += 2 * MINUTE;
    vi.setSystemTime(now);
    while (queues.waiting().length > 0) queues.take("doorbells");
    for (const { body } of bells) {
      void queues.bindings().DOORBELLS.send(again ? { ...(body as object), again } : body);
    }
  }

  beforeAll(async () => {
    [flooding, other] = [await openTenant(), await openTenant()];
    for (let sent = 0; sent < FLOOD; sent += AT_ONCE) {
      await Promise.all(times(AT_ONCE, () => post(flooding)));
    }
    bells = [...queues.waiting()];
  }, 120_000);
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
    now = Date.now();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is processed before 5 % of the flood are", async ({ task }) => {
    expect(bells).toHaveLength(FLOOD);
    const alone = await completedBefore(1);
    refill(false);
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
    refill(true);
    const completed = await completedBefore(1);
    showFigures(task, `  of ${FLOOD}: ${completed}`);
    expect(completed).toBeGreaterThan(AT_MOST);
  });
});

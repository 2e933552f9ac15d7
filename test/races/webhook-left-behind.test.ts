/** Events whose bell is lost with the isolate that was to ring it: somebody rings soon all the same. */
import { beforeEach, describe, expect, it } from "vitest";
import { EventError, type WebhookHandler } from "../../src/features/webhooks/handling.ts";
import { consume } from "../../src/platform/jobs/consume.ts";
import { newTenant, requestOf, type TestTenant, toReply } from "../support/client.ts";
import { MINUTE, SECOND, standingClock } from "../support/clock.ts";
import { holdQueues } from "../support/held-queues.ts";
import { FAULTLESS, type Isolate, type IsolateOptions, openIsolate } from "../support/isolates.ts";
import { type Random, seededRandom } from "../support/random.ts";
import { times } from "../support/registration.ts";
import { handleAsUsual, jobsWith } from "../support/webhook-jobs.ts";
import { addService, eventOf, signed, type TestService } from "../support/webhooks.ts";
import { databaseOfTenant, firstValue, openWorker } from "../support/worker.ts";

const clock = standingClock();
const PENDING = "SELECT EXISTS (SELECT 1 FROM webhook_events WHERE due_at IS NOT NULL)";

describe("an event", () => {
  let tenant: TestTenant;
  let service: TestService;
  let database: D1Database;
  let queues: ReturnType<typeof holdQueues>;
  let random: Random;
  beforeEach(async () => {
    tenant = await newTenant();
    service = await addService(tenant);
    database = await databaseOfTenant(tenant.slug);
    queues = holdQueues();
    random = seededRandom("left behind");
  });

  const isolate = (changes: Partial<IsolateOptions> = {}): Isolate =>
    openIsolate({
      databases: {},
      queues,
      random,
      rates: FAULTLESS,
      firings: {},
      underway: [],
      ...changes,
    });

  async function post(id: string, where = isolate()) {
    const { url, headers, body } = await signed(service, eventOf(service, id));
    const { createApp } = await import("../../src/app.ts");
    return where.run(async () =>
      toReply(await createApp().fetch(requestOf("POST", url, { headers, raw: body }), where.env)),
    );
  }

  /** One consumer takes the doorbells that are ready. @returns how many there were */
  async function work(handle: WebhookHandler["handle"], where = isolate()): Promise<number> {
    const taken = queues.take("doorbells");
    await queues.deliver(taken, (batch) =>
      where.run(() => consume(jobsWith(handle, where.random), batch, where.env)),
    );
    return taken.length;
  }

  const completed = () =>
    firstValue(database, "SELECT count(*) FROM webhook_events WHERE status = 'completed'");

  it("of a tenant that was idle, whose consumer ends with it, is found by the next minute's sweep", async () => {
    expect((await post("evt")).status).toBe(202);
    const first = isolate();
    await work(() => first.end(), first);
    // The platform brings the message again, while the lease is still held: there is nothing to do.
    expect(await work(handleAsUsual)).toBe(1);
    expect(await completed()).toBe(0);
    expect(queues.waiting()).toEqual([]);
    clock.pass(MINUTE);
    await openWorker(queues.bindings()).tick();
    // The round's bell, then the one that its visit rings.
    await work(handleAsUsual);
    await work(handleAsUsual);
    expect(await completed()).toBe(1);
  });

  it("that was stored by an isolate that ended before it rang is rung for when it is sent again", async () => {
    // The first word to a queue is the last of the isolate.
    const first = isolate({
      rates: { ...FAULTLESS, doorbell: 1 },
      random: { ...random, chance: (rate) => rate === 1, pick: ([before]) => before as never },
    });
    await expect(post("evt", first)).rejects.toThrow();
    expect(queues.waiting()).toEqual([]);
    expect((await post("evt")).json.status).toBe("duplicate");
    expect(await work(handleAsUsual)).toBe(1);
    expect(await completed()).toBe(1);
    // Once it is begun, repeats of it ring no bells.
    expect((await post("evt")).json.status).toBe("duplicate");
    expect(queues.waiting()).toEqual([]);
  });

  it("that failed together with others is tried again in its own time, by doorbells alone", async () => {
    const parts = [0.9, 0.3, 0.6];
    const failing = { ...random, next: () => parts.shift() ?? 0 };
    for (const id of ["one", "two", "three"]) await post(id);
    await work(() => Promise.reject(new EventError("Not now.")), isolate({ random: failing }));
    const done: unknown[] = [];
    for (let second = 1; second <= 9; second++) {
      clock.pass(SECOND);
      await work(handleAsUsual);
      done.push(await completed());
    }
    expect(done).toEqual([0, 0, 1, 1, 1, 2, 2, 2, 3]);
  });

  it("that ends whoever works on it takes nobody with it: it dies alone", async () => {
    const killer = "event-12";
    const ids = times(40, (index) => `event-${index}`);
    for (const id of ids) await post(id);
    const { tick } = openWorker(queues.bindings());
    for (let minutes = 0; await firstValue(database, PENDING); minutes++) {
      expect(minutes, "minutes until all is done").toBeLessThan(60);
      await tick();
      for (let taken = 1; taken > 0; ) {
        const own = isolate();
        taken = await work(async (ctx, event) => {
          if ((event.payload as { id: string }).id === killer) return own.end();
          return handleAsUsual(ctx, event);
        }, own);
      }
      clock.pass(MINUTE);
    }
    expect(await completed()).toBe(ids.length - 1);
    expect(
      await firstValue(
        database,
        "SELECT provider_id FROM webhook_events WHERE status = 'dead_letter'",
      ),
    ).toBe(killer);
  });
});

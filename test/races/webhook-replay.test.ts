import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WebhookHandler } from "../../src/features/webhooks/handling.ts";
import { consume } from "../../src/platform/jobs/consume.ts";
import { newTenant } from "../support/client.ts";
import { MINUTE, SECOND } from "../support/clock.ts";
import { wrapD1 } from "../support/d1.ts";
import { showFigures } from "../support/figures.ts";
import { type Held, holdQueues } from "../support/held-queues.ts";
import { FAULTLESS, type Firings, openIsolate } from "../support/isolates.ts";
import { seededRandom } from "../support/random.ts";
import { times } from "../support/registration.ts";
import { handleAsUsual, jobsWith } from "../support/webhook-jobs.ts";
import { compare } from "../support/webhook-ledger.ts";
import { eventsOf, openSender } from "../support/webhook-sender.ts";
import { LIVE_PER_DRAIN, openReplayWatch, REPLAYS_IN_FLIGHT } from "../support/webhook-watch.ts";
import { addService } from "../support/webhooks.ts";
import { DEEP, databaseOf, openWorker, registryOf } from "../support/worker.ts";

const DEAD = DEEP ? 1_000 : 400;
const LIVE = DEEP ? 300 : 120;
/** Consumers at once, all of them with the same doorbells. */
const CONSUMERS = 3;
/** One isolate in so many ends while it works on a replay: its lease has to lapse. */
const ENDS = DEEP ? 150 : 60;

describe("a replay of many dead letters", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it(`of ${DEAD}, while live events arrive, keeps out of their way, and all take effect once`, async ({
    task,
  }) => {
    const tenant = await newTenant();
    const service = await addService(tenant, "generic", { max_attempts: 20 });
    const binding = String((await registryOf(tenant.slug))?.binding);
    const database = databaseOf(binding);
    const random = seededRandom("replay");
    const queues = holdQueues();
    const watch = openReplayWatch(database);
    const firings: Firings = {};
    let opened = 0;
    const isolate = () =>
      openIsolate({
        databases: { [binding]: wrapD1(database, watch.around) },
        queues,
        random: random.fork(opened++),
        rates: FAULTLESS,
        firings,
        underway: [],
      });
    const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

    const buried = openSender(eventsOf(service, "dead", DEAD), {
      random,
      isolate,
      batches: 1,
      mostPerBatch: DEAD / 4,
    });
    while (!buried.isDone()) await buried.burst(DEAD / 2);
    // As if they had all been tried in vain.
    await database.exec(
      `UPDATE webhook_events SET status = 'dead_letter', due_at = NULL, ended_at = 1, buried_at = 1`,
    );
    while (queues.waiting().length > 0) queues.take("doorbells");

    const live = openSender(eventsOf(service, "live", LIVE), { random, isolate, batches: 0.1 });
    const bell = openWorker(queues.bindings());
    const replay = (dry_run: boolean) =>
      bell.call("POST", `${tenant.api}/webhooks/dead-letters/replay`, {
        token: tenant.admin.token,
        body: { dry_run },
      });
    expect((await replay(true)).json).toEqual({ matched: DEAD, replayed: 0, more: false });
    expect((await replay(false)).json).toEqual({ matched: DEAD, replayed: DEAD, more: false });

    /** A consumer of its own isolate, which may end at a replay. */
    async function work(taken: readonly Held[]): Promise<void> {
      const own = isolate();
      const handle: WebhookHandler["handle"] = async (ctx, event) => {
        const { id } = event.payload as { id: string };
        if (id.startsWith("dead")) {
          watch.replayStarted();
          // It comes while others of the same doorbell still wait for their turn.
          if (own.random.chance(0.1)) await live.burst(1);
          if (own.random.chance(1 / ENDS)) return own.end();
        }
        return handleAsUsual(ctx, event);
      };
      await queues.deliver(taken, (batch) =>
        own.run(() => consume(jobsWith(handle, own.random), batch, own.env)),
      );
    }

    /** Every doorbell is delivered several times at once, the chain's own too. */
    const copies = (taken: readonly Held[]) => times(CONSUMERS, () => taken);

    let swept = 0;
    while (!live.isDone() || (await watch.isPending())) {
      // Now and then more at once than one doorbell takes.
      const burst = random.chance(0.02) ? 3 * LIVE_PER_DRAIN : Math.floor(random.next() * 2);
      await Promise.all([
        live.burst(burst),
        ...copies(queues.take("doorbells")).map((taken) => work(taken)),
      ]);
      pass(Math.floor(random.next() * 6 * SECOND));
      if (Date.now() - swept > MINUTE) {
        swept = Date.now();
        await bell.tick();
      }
    }
    const ledger = new Map([...buried.ledger, ...live.ledger]);
    const findings = await compare(database, ledger, () => false);
    const { claims, mostInFlight, mostBefore, worst } = watch.figures();
    showFigures(
      task,
      `  ${DEAD} replays and ${live.ledger.size} live events in ${claims} claims`,
      `  replays in flight: at most ${mostInFlight} of ${REPLAYS_IN_FLIGHT}`,
      `  replays begun while a live event was due: at most ${mostBefore} of ${REPLAYS_IN_FLIGHT}` +
        ` with fewer than ${LIVE_PER_DRAIN} live events before it, and as many more for each` +
        ` ${LIVE_PER_DRAIN} (worst: ${worst})`,
    );
    expect(mostInFlight).toBe(REPLAYS_IN_FLIGHT);
    expect(watch.broken()).toEqual([]);
    expect(ledger.size).toBe(DEAD + LIVE);
    expect(findings).toEqual({ lost: [], doubled: [], astray: [], misfiled: [], renamed: [] });
  });
});

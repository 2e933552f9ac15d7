import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { newTenant } from "../support/client.ts";
import { showFigures } from "../support/figures.ts";
import { seededRandom } from "../support/random.ts";
import { type FaultRun, runWithFaults } from "../support/webhook-faults.ts";
import { compare } from "../support/webhook-ledger.ts";
import { eventsOf } from "../support/webhook-sender.ts";
import { addService } from "../support/webhooks.ts";
import { DEEP, databaseOf, registryOf } from "../support/worker.ts";

const EVENTS = DEEP ? 10_000 : 200;
/** Events for the tests of the test. */
const FEW = 45;
/** One event of so many is poison. */
const POISON = 16;

const isPoison = (providerId: string) => providerId.startsWith("poison");
const NOTHING = { lost: [], doubled: [], astray: [], misfiled: [], renamed: [] };

/** Where faults have to fire, and how many points there are at these places. */
const PLACES = [
  "accepting batch",
  "doorbell",
  "claim",
  "handler",
  "completing batch",
  "dead letter",
  "messages",
  "burial",
  "batch",
  "read",
  "any trip",
];
const POINTS = 47;

/** What happened how often, the least frequent first. */
const tableOf = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .sort(([one, a], [other, b]) => a - b || one.localeCompare(other))
    .map(([what, times]) => `  ${times} ${what}`);

describe("webhooks with faults at every point", () => {
  // The clock goes on from test to test: to one that is set back, the tenant of the test before would
  // be active for as long as that one lasted, and be swept each minute.
  let lastTime = 0;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: Math.max(Date.now(), lastTime) });
    // Pauses between tries are other people's time; here nobody has any.
    vi.spyOn(scheduler, "wait").mockResolvedValue();
  });
  afterEach(() => {
    lastTime = Date.now();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  async function openHouse(count: number) {
    const tenant = await newTenant();
    const old = { tolerance_seconds: 3_600 };
    const sturdy = await addService(tenant, "generic", { ...old, max_attempts: 20 });
    const brittle = await addService(tenant, "generic", { ...old, max_attempts: 3 });
    const poison = eventsOf(brittle, "poison", Math.ceil(count / POISON));
    const events = [...eventsOf(sturdy, "event", count - poison.length), ...poison];
    const binding = String((await registryOf(tenant.slug))?.binding);
    return { binding, database: databaseOf(binding), events };
  }

  async function runAndCompare(
    count: number,
    changes: Partial<FaultRun> & { readonly sabotage?: string } = {},
  ) {
    const { binding, database, events } = await openHouse(count);
    if (changes.sabotage) await database.exec(changes.sabotage);
    const random = seededRandom("webhook faults");
    const sorted = events
      .map((event) => ({ event, at: random.next() }))
      .sort((one, other) => one.at - other.at)
      .map(({ event }) => event);
    const run = { binding, random, events: sorted, isPoison, batches: 0.2, ...changes };
    const result = await runWithFaults(run);
    return { ...result, findings: await compare(database, result.ledger, isPoison) };
  }

  it(`loses nothing that was answered 2xx, and nothing takes effect twice (${EVENTS} events)`, async ({
    task,
  }) => {
    const { findings, firings, answers, ledger, isolates } = await runAndCompare(EVENTS);
    showFigures(
      task,
      `${ledger.size} events seen 2xx by the client, in ${isolates} isolates: ` +
        Object.entries(findings)
          .map(([what, ids]) => `${what} ${ids.length}`)
          .join(", "),
      ...tableOf(answers),
      `${Object.values(firings).reduce((sum, count) => sum + count, 0)} faults fired:`,
      ...tableOf(firings),
    );
    expect(ledger.size).toBe(EVENTS);
    expect(findings).toEqual(NOTHING);
    const places = Object.keys(firings).map((point) => point.split(",")[0]);
    expect(new Set(places)).toEqual(new Set(PLACES));
    if (DEEP) {
      expect(Object.keys(firings)).toHaveLength(POINTS);
      expect(Math.min(...Object.values(firings))).toBeGreaterThanOrEqual(50);
    }
    // A fault of ours is never said to be the sender's.
    expect(Object.keys(answers).filter((answer) => / 4\d\d/.test(answer))).toEqual([]);
  }, 1_800_000);

  it("is a test that sees doubled effects where nothing tells a repeat from an event", async ({
    task,
  }) => {
    const { findings } = await runAndCompare(FEW, {
      // Without the index a batch could not even say what it wants to pass over.
      batches: 0,
      sabotage: "DROP INDEX webhook_events_dedupe",
    });
    showFigures(task, `  doubled ${findings.doubled.length}`);
    expect(findings.doubled.length).toBeGreaterThan(0);
  });

  it("is a test that sees doubled effects where they are split from their mark", async ({
    task,
  }) => {
    const { findings } = await runAndCompare(FEW, {
      split: true,
      rates: { "completing batch": 0.3 },
    });
    showFigures(task, `  doubled ${findings.doubled.length}`);
    expect(findings.doubled.length).toBeGreaterThan(0);
  });
});

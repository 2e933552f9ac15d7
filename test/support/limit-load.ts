import { takeFrom } from "../../src/platform/limits/lease-client.ts";
import type { Policy } from "../../src/platform/limits/ledger.ts";
import type { Limit, Purse } from "../../src/platform/limits/purses.ts";
import { createLru } from "../../src/platform/lru.ts";
import { createObject, read } from "./limit-object.ts";
import { mostAdmissible, mostInAnyWindow } from "./limit-oracle.ts";
import { createTimeline } from "./limit-timeline.ts";
import type { Random } from "./random.ts";

/** Requests of one tenant that come by chance, evenly spread over isolates and users. */
export interface Load {
  readonly tenant: Policy;
  readonly user: Policy;
  /** Requests a second. */
  readonly rate: number;
  readonly isolates: number;
  readonly users: number;
  readonly seconds: number;
}

export interface LoadOutcome {
  readonly requests: number;
  readonly admitted: number;
  /** What the best limiter would have admitted more, as a share; of the tenant's policy. */
  readonly under: number;
  /** The most in any window, by the tenant's policy. */
  readonly most: number;
  readonly questions: number;
  /** Questions that were answered by when to come back, for one limit at least. */
  readonly refusals: number;
  /** Rows of the largest account, and its bytes as JSON. */
  readonly largest: { readonly rows: number; readonly bytes: number };
}

/** Ms that a question takes to the object, and its answer back. */
const FAR_MS = { least: 3, most: 15 };

/** Puts a load on the limiter's own code, with a network and clocks as they should be. */
export async function runLoad(load: Load, random: Random): Promise<LoadOutcome> {
  const timeline = createTimeline();
  const clock = { offset: 1_000_000, drift: 0 };
  const object = createObject(timeline, clock);
  const isolates = Array.from({ length: load.isolates }, () => createLru<Purse>(10_000));
  const arrivals: number[] = [];
  const admitted: number[] = [];
  let questions = 0;
  let refusals = 0;
  const far = () => FAR_MS.least + random.next() * (FAR_MS.most - FAR_MS.least);
  const world = {
    now: () => read(clock, timeline.now),
    onError: () => {},
    ask: async (asks: Parameters<typeof object.ask>[0]) => {
      questions += 1;
      const loan = await object.ask(asks, { kind: "answered", toMs: far(), backMs: far() });
      if ("refusals" in loan || loan.leases.some((lease) => lease.retryInMs !== undefined))
        refusals += 1;
      return loan;
    },
  };
  const users = Array.from({ length: load.users }, (_, index) => `user:${index}`);
  const arrive = () => {
    const time = timeline.now;
    const purses = random.pick(isolates);
    const limits: Limit[] = [
      { name: "tenant", key: "tenant", policy: load.tenant },
      { name: "user", key: random.pick(users), policy: load.user },
    ];
    arrivals.push(time);
    void takeFrom(purses, "", limits, world).then((verdict) => {
      if (verdict.admitted) admitted.push(timeline.now);
    });
    const next = time - (Math.log(1 - random.next()) / load.rate) * 1_000;
    if (next < load.seconds * 1_000) timeline.at(next, arrive);
  };
  timeline.at(0, arrive);
  await timeline.run();
  return {
    requests: arrivals.length,
    admitted: admitted.length,
    under: 1 - admitted.length / mostAdmissible(arrivals, load.tenant),
    most: mostInAnyWindow(admitted, load.tenant.windowMs),
    questions,
    refusals,
    largest: object.largest,
  };
}

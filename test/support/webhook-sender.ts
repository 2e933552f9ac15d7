/** A provider that sends what it has until it hears 2xx, and a ledger of nothing but what it heard. */
import { createApp } from "../../src/app.ts";
import { requestOf, toReply } from "./client.ts";
import { type Firings, fire, type Isolate } from "./isolates.ts";
import type { Random } from "./random.ts";
import { eventOf, signed, type TestService } from "./webhooks.ts";

/** An event of the provider's. */
export interface ProvidersEvent {
  readonly service: TestService;
  /** The provider's id; also the subject of what the event brings about. */
  readonly id: string;
  readonly body: string;
}

export interface SenderOptions {
  readonly random: Random;
  readonly isolate: () => Isolate;
  /** Probability that a request is a batch. */
  readonly batches: number;
  /** Events per request where they are sent as a batch, at most. */
  readonly mostPerBatch?: number;
}

export function openSender(events: readonly ProvidersEvent[], options: SenderOptions) {
  const { random, mostPerBatch = 8 } = options;
  const app = createApp();
  const waiting: ProvidersEvent[] = [...events];
  const heard: ProvidersEvent[] = [];
  /** Ids of ours that were answered with 2xx, by the provider's. */
  const ledger = new Map<string, Set<string>>();
  const answers: Firings = {};

  function next(): ProvidersEvent | undefined {
    // A provider sends again even what it was told is there: its own memory may fail.
    if (heard.length > 0 && random.chance(0.1)) return random.pick(heard);
    return waiting.shift();
  }

  function hear(event: ProvidersEvent, ourId: string): void {
    const ids = ledger.get(event.id);
    if (!ids) heard.push(event);
    ledger.set(event.id, (ids ?? new Set()).add(ourId));
  }

  async function send(batch: readonly [ProvidersEvent, ...ProvidersEvent[]], alone: boolean) {
    const { service, id } = batch[0];
    const body = alone ? batch[0].body : `[${batch.map((event) => event.body).join()}]`;
    const path = alone ? "" : "/batch";
    const delivery = await signed(service, body, { id, path });
    const isolate = options.isolate();
    const { url, headers } = delivery;
    try {
      const reply = await isolate.run(async () => {
        const request = requestOf("POST", url, { headers, raw: delivery.body });
        return toReply(await app.fetch(request, isolate.env));
      });
      fire(answers, `${alone ? "single" : "batch"}: ${reply.status}`);
      const outcomes = alone ? [reply.json] : reply.json.results;
      if (reply.status >= 300) return waiting.push(...batch.filter(({ id }) => !ledger.has(id)));
      batch.forEach((event, index) => {
        fire(answers, `event: ${outcomes[index].status}`);
        hear(event, outcomes[index].event_id);
      });
    } catch {
      fire(answers, `${alone ? "single" : "batch"}: none`);
      waiting.push(...batch.filter(({ id }) => !ledger.has(id)));
    }
  }

  return {
    ledger: ledger as ReadonlyMap<string, ReadonlySet<string>>,
    answers,
    isDone: () => waiting.length === 0,
    /** Sends about so many events at once, in requests of one or of several. */
    async burst(count: number): Promise<void> {
      const requests: Promise<unknown>[] = [];
      for (let left = count; left > 0; ) {
        const alone = !random.chance(options.batches);
        const size = alone ? 1 : 1 + Math.floor(random.next() * mostPerBatch);
        const drawn = Array.from({ length: size }, next).flatMap((event) => event ?? []);
        left -= size;
        for (const same of byService(drawn)) requests.push(send(same, alone));
      }
      await Promise.all(requests);
    },
  };
}

type Some<T> = [T, ...T[]];

function byService(events: readonly ProvidersEvent[]): Some<ProvidersEvent>[] {
  const sorted = new Map<TestService, Some<ProvidersEvent>>();
  for (const event of events) {
    const same = sorted.get(event.service);
    if (same) same.push(event);
    else sorted.set(event.service, [event]);
  }
  return [...sorted.values()];
}

/** Events of a service, with ids of their own. */
export function eventsOf(service: TestService, prefix: string, count: number): ProvidersEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `${prefix}-${index}`;
    return { service, id, body: eventOf(service, id) };
  });
}

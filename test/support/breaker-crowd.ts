/** A crowd that calls a service through its breaker, in time that only the crowd knows. */
import { BREAKER_DEFAULTS } from "../../src/platform/breaker/index.ts";
import { acquire, newMachine, report } from "../../src/platform/breaker/machine.ts";
import { standingOf } from "../../src/platform/breaker/view.ts";
import type { Random } from "./random.ts";

export interface Crowd {
  /** Calls a second while all is well, at even distances. */
  readonly rate: number;
  /**
   * Null: new callers come all the time, however many wait. Else there are so many, and each calls
   * again a fixed time after its last call was let through.
   */
  readonly callers: number | null;
  /** When the service falls over, and for how long, in ms. */
  readonly sickFrom: number;
  readonly sickFor: number;
  readonly openMs: number;
  readonly slowStartMs: number;
  readonly endsAt: number;
}

export interface Seen {
  /** When calls were let through, in ms from the start. */
  readonly admitted: readonly number[];
  /** Callers that were waiting when the breaker closed again. */
  readonly waiting: number;
  readonly closedAt: number;
  /** When nobody of those who had been refused was still waiting. */
  readonly drainedAt: number;
}

const LATENCY_MS = 50;
const LEASE_MS = 15_000;
const START = Date.UTC(2026, 0, 1);

/** Lets the crowd call until `endsAt`. Whoever is refused comes back exactly when it was told to. */
export function watchCrowd(crowd: Crowd, random: Random): Seen {
  const { rate, callers, sickFrom, sickFor, endsAt } = crowd;
  const options = {
    ...BREAKER_DEFAULTS,
    open_ms: crowd.openMs,
    slow_start_ms: crowd.slowStartMs,
  };
  const order = { mode: "automatic", version: 0 } as const;
  const agenda = new Map<number, (() => void)[]>();
  const at = (ms: number, what: () => void) => {
    const time = Math.ceil(ms);
    agenda.set(time, [...(agenda.get(time) ?? []), what]);
  };
  const admitted: number[] = [];
  const refused = new Set<number>();
  let now = 0;
  let waiting = 0;
  let closedAt = Number.NaN;
  let drainedAt = Number.NaN;
  let machine = newMachine(options, START);
  const terms = () => ({ options, order, now: START + now, random: random.next() });

  const call = (caller: number) => {
    const id = `${caller}-${now}`;
    const asked = acquire(machine, { id, leaseMs: LEASE_MS }, terms());
    machine = asked.machine;
    if (!asked.isPermitted) {
      refused.add(caller);
      const { refusedForMs, spreadMs } = standingOf(machine, terms());
      const pauseMs = refusedForMs + random.next() * spreadMs;
      at(now + Math.max(1, Math.ceil(pauseMs / 1_000)) * 1_000, () => call(caller));
      return;
    }
    admitted.push(now);
    refused.delete(caller);
    if (closedAt > 0 && refused.size === 0 && Number.isNaN(drainedAt)) drainedAt = now;
    const { epoch } = machine;
    const isWell = now < sickFrom || now >= sickFrom + sickFor;
    at(now + LATENCY_MS, () => {
      const wasOnTrial = machine.phase.state === "half_open";
      const outcome = isWell ? "success" : "failure";
      machine = report(machine, { id, epoch, outcome, durationMs: LATENCY_MS }, terms());
      const { state } = machine.phase as { readonly state: string };
      if (wasOnTrial && state === "closed" && Number.isNaN(closedAt)) {
        closedAt = now;
        waiting = refused.size;
      }
    });
    if (callers !== null) at(now + (callers / rate) * 1_000, () => call(caller));
  };

  const first = callers ?? (endsAt / 1_000) * rate;
  for (let nth = 0; nth < first; nth++) at((nth * 1_000) / rate, () => call(nth));
  for (now = 0; now < endsAt; now++) {
    for (const what of agenda.get(now) ?? []) what();
    agenda.delete(now);
  }
  return { admitted, waiting, closedAt, drainedAt };
}

/** The most calls in any second, whenever it begins, from `from` on. */
export function peakPerSecond(times: readonly number[], from: number): number {
  let peak = 0;
  let first = times.findIndex((at) => at >= from);
  for (let last = first; first >= 0 && last < times.length; last++) {
    while ((times[last] ?? 0) - (times[first] ?? 0) >= 1_000) first += 1;
    peak = Math.max(peak, last - first + 1);
  }
  return peak;
}

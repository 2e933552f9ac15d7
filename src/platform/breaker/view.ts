import type { Machine, Terms } from "./machine.ts";
import type { BreakerOptions } from "./options.ts";
import { ceilingAt } from "./slow-start.ts";
import { callsToJudge, type Tally, tally, tallyOf } from "./window.ts";

export const BREAKER_STATES = ["closed", "open", "half_open", "forced_open", "disabled"] as const;
export type BreakerStateName = (typeof BREAKER_STATES)[number];

/** A breaker as people see it. */
export interface BreakerView {
  readonly state: BreakerStateName;
  /** When the state began, ISO 8601. */
  readonly since: string;
  /** When it opened; null unless it is open now. */
  readonly opened_at: string | null;
  /** How often it opened in a row. */
  readonly openings: number;
  /** In ms until the next call is let through; null unless it is open. 0: with the next call. */
  readonly retry_in_ms: number | null;
  /** Per cent of the calls below; null while they are too few to judge. */
  readonly failure_rate: number | null;
  readonly slow_call_rate: number | null;
  /** Calls that it judges by: those of the window, or of the trial while it is half open. */
  readonly calls: number;
  readonly failed_calls: number;
  readonly slow_calls: number;
  /** Calls of the trial that have not come back. */
  readonly half_open_permits_in_use: number;
  /** Calls a second that are let through while it recovers; null when there is no limit. */
  readonly slow_start_calls_per_second: number | null;
  /** Version of the last order by hand that it follows. */
  readonly order_version: number;
}

/** What an isolate may go by without asking, in ms from now on: its clock is not the object's. */
export interface Standing {
  readonly state: BreakerStateName;
  readonly epoch: number;
  readonly version: number;
  /** Whether every call is let through. */
  readonly letsAll: boolean;
  /** So long nobody is let through. */
  readonly refusedForMs: number;
  /** Over how long after that whoever was refused comes back, so that not all come at once. */
  readonly spreadMs: number;
}

/** Where a permit may be free any moment: how long an isolate asks no more. */
const ASK_AGAIN_MS = 1_000;

export function viewOf(machine: Machine, { options, now }: Terms): BreakerView {
  const { phase } = machine;
  const isTrial = phase.state === "half_open";
  const sum = isTrial ? tallyOf(phase.calls) : tally(machine.window, options, now);
  const rates = ratesOf(sum, isTrial ? 1 : callsToJudge(options));
  const slowStart = phase.state === "closed" ? phase.slowStart : null;
  const since = new Date(phase.since).toISOString();
  return {
    state: phase.state,
    since,
    opened_at: phase.state === "open" ? since : null,
    openings: machine.openings,
    retry_in_ms: phase.state === "open" ? Math.max(0, phase.until - now) : null,
    ...rates,
    calls: sum.calls,
    failed_calls: sum.failures,
    slow_calls: sum.slow,
    half_open_permits_in_use: isTrial ? phase.leases.length : 0,
    slow_start_calls_per_second: slowStart && ceilingAt(slowStart, machine.pace, options, now),
    order_version: machine.version,
  };
}

function ratesOf({ calls, failures, slow }: Tally, needed: number) {
  if (calls < needed) return { failure_rate: null, slow_call_rate: null };
  return { failure_rate: (failures / calls) * 100, slow_call_rate: (slow / calls) * 100 };
}

export function standingOf(machine: Machine, { options, now }: Terms): Standing {
  const { phase, epoch, version } = machine;
  const lets = phase.state === "disabled" || (phase.state === "closed" && phase.slowStart === null);
  return {
    state: phase.state,
    epoch,
    version,
    letsAll: lets,
    refusedForMs: refusedForMs(machine, options, now),
    // When an open breaker's time is over, the first to come back are its trial.
    spreadMs: phase.state === "open" ? 0 : options.slow_start_ms,
  };
}

function refusedForMs({ phase, pace }: Machine, options: BreakerOptions, now: number): number {
  switch (phase.state) {
    case "open":
      return Math.max(0, phase.until - now);
    case "forced_open":
      return ASK_AGAIN_MS;
    case "half_open": {
      const taken = phase.leases.length + phase.calls.length;
      if (taken < options.permitted_calls_in_half_open) return 0;
      return Math.min(ASK_AGAIN_MS, ...phase.leases.map(({ endsAt }) => endsAt - now));
    }
    case "closed": {
      if (!phase.slowStart) return 0;
      const { tokens, filledAt } = phase.slowStart;
      const fullMs = ((1 - tokens) / ceilingAt(phase.slowStart, pace, options, now)) * 1_000;
      return Math.max(0, Math.ceil(filledAt + fullMs - now));
    }
    case "disabled":
      return 0;
  }
}

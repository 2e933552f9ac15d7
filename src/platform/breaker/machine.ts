/**
 * A circuit breaker as plain data: every function is given a state and the time, and makes the next
 * state. One that is returned unchanged need not be written down again.
 */
import type { BreakerOptions, BreakerRules } from "./options.ts";
import {
  beginSlowStart,
  goOn,
  keepPace,
  NO_PACE,
  type Pace,
  type SlowStart,
  takeToken,
} from "./slow-start.ts";
import {
  callsToJudge,
  type Digits,
  digitOf,
  emptyWindow,
  isSick,
  type Outcome,
  record,
  tally,
  tallyOf,
  type Window,
} from "./window.ts";

/** A half-open permit: a lease, so that a caller that is lost jams nothing. */
interface Lease {
  readonly id: string;
  readonly endsAt: number;
}

/** Times are the object's, in ms. */
type Phase =
  | { readonly state: "closed"; readonly since: number; readonly slowStart: SlowStart | null }
  | { readonly state: "open"; readonly since: number; readonly until: number }
  | {
      readonly state: "half_open";
      readonly since: number;
      readonly leases: readonly Lease[];
      readonly calls: Digits;
    }
  | { readonly state: "forced_open" | "disabled"; readonly since: number };

export interface Machine {
  readonly phase: Phase;
  /** Goes up with each transition: what was permitted before one says nothing after it. */
  readonly epoch: number;
  /** Version of the last order. */
  readonly version: number;
  /** How often it opened in a row: without a slow start in between that went well. */
  readonly openings: number;
  readonly window: Window;
  readonly pace: Pace;
  /** The last reports: one that comes twice counts once. */
  readonly reported: readonly string[];
}

/** What is the same for every question to the machine. */
export interface Terms extends BreakerRules {
  readonly now: number;
  /** A number from 0 up to 1. */
  readonly random: number;
}

/** How a call ended. */
export interface Report {
  readonly id: string;
  readonly epoch: number;
  readonly outcome: Outcome;
  readonly durationMs: number;
}

/** A breaker stays open for this share of its time at least, so that breakers do not ask in step. */
const SHORTEST_OPEN = 0.8;
/** As many as can come twice: the second one comes at once, and where there are more, one is nothing. */
const REPORTS_KEPT = 16;

export function newMachine(options: BreakerOptions, now: number): Machine {
  return {
    phase: { state: "closed", since: now, slowStart: null },
    epoch: 0,
    version: 0,
    openings: 0,
    window: emptyWindow(options),
    pace: NO_PACE,
    reported: [],
  };
}

/** What time and a new order make of it, before anybody asks anything. */
export function advance(machine: Machine, terms: Terms): Machine {
  const { options, order, now } = terms;
  if (order.version > machine.version) return obey(machine, terms);
  const { phase } = machine;
  if (phase.state === "closed" && phase.slowStart) {
    const slowStart = goOn(phase.slowStart, machine.pace, options, now);
    if (slowStart === phase.slowStart) return machine;
    const openings = slowStart ? machine.openings : 0;
    return { ...machine, phase: { ...phase, slowStart }, openings };
  }
  if (phase.state === "half_open") {
    // What never came back says nothing of the service: a call that the service leaves hanging is
    // reported as failed when its time is over. So the permit is free again, and counts as no call.
    const leases = phase.leases.filter(({ endsAt }) => endsAt > now);
    const freed = leases.length < phase.leases.length ? { ...phase, leases } : phase;
    return judgeTrial(freed === phase ? machine : { ...machine, phase: freed }, terms);
  }
  return machine;
}

/**
 * Asks to make one call. Asked twice with one id, it is one half-open permit; of a slow start it takes
 * two tokens, and so one call less than might be goes through.
 * @param leaseMs after which a half-open permit counts as lost
 */
export function acquire(
  before: Machine,
  { id, leaseMs }: { readonly id: string; readonly leaseMs: number },
  terms: Terms,
): { readonly machine: Machine; readonly isPermitted: boolean } {
  const { options, now } = terms;
  const machine = advance(before, terms);
  const { phase } = machine;
  switch (phase.state) {
    case "disabled":
      return { machine, isPermitted: true };
    case "forced_open":
      return { machine, isPermitted: false };
    case "closed": {
      if (!phase.slowStart) return { machine, isPermitted: true };
      const { slowStart, isTaken } = takeToken(phase.slowStart, machine.pace, options, now);
      return { machine: { ...machine, phase: { ...phase, slowStart } }, isPermitted: isTaken };
    }
    case "open": {
      if (now < phase.until) return { machine, isPermitted: false };
      const leases = [{ id, endsAt: now + leaseMs }];
      const trial = { state: "half_open", since: now, leases, calls: "" } as const;
      return { machine: enter(machine, trial), isPermitted: true };
    }
    case "half_open": {
      if (phase.leases.some((lease) => lease.id === id)) return { machine, isPermitted: true };
      const taken = phase.leases.length + phase.calls.length;
      if (taken >= options.permitted_calls_in_half_open) return { machine, isPermitted: false };
      const leases = [...phase.leases, { id, endsAt: now + leaseMs }];
      return { machine: { ...machine, phase: { ...phase, leases } }, isPermitted: true };
    }
  }
}

/** Tells how a permitted call ended. Of another epoch, it changes nothing. */
export function report(before: Machine, call: Report, terms: Terms): Machine {
  const { options, now } = terms;
  const machine = advance(before, terms);
  const { phase } = machine;
  if (call.epoch !== machine.epoch) return machine;
  const isSlow = call.durationMs >= options.slow_call_duration_ms;
  const digit = call.outcome === "ignored" ? "" : digitOf(call.outcome === "failure", isSlow);
  if (phase.state === "half_open") {
    const leases = phase.leases.filter(({ id }) => id !== call.id);
    if (leases.length === phase.leases.length) return machine;
    const heard = { ...phase, leases, calls: phase.calls + digit };
    return judgeTrial({ ...machine, phase: heard }, terms);
  }
  if (phase.state !== "closed" || machine.reported.includes(call.id)) return machine;
  const heard = {
    ...machine,
    // A service that recovers is not at its pace.
    pace: phase.slowStart ? machine.pace : keepPace(machine.pace, now),
    reported: [...machine.reported, call.id].slice(-REPORTS_KEPT),
  };
  if (digit === "") return heard;
  return judgeWindow({ ...heard, window: record(machine.window, options, digit, now) }, terms);
}

function judgeWindow(machine: Machine, terms: Terms): Machine {
  const { options, now } = terms;
  const sum = tally(machine.window, options, now);
  if (sum.calls < callsToJudge(options) || !isSick(sum, options)) return machine;
  return open(machine, terms);
}

/** Judges half-open when as many calls as are permitted have said how they ended. */
function judgeTrial(machine: Machine, terms: Terms): Machine {
  const { phase } = machine;
  const { options, now } = terms;
  if (phase.state !== "half_open") return machine;
  if (phase.calls.length < options.permitted_calls_in_half_open) return machine;
  if (isSick(tallyOf(phase.calls), options)) return open(machine, terms);
  const isSlow = options.slow_start_ms > 0;
  const slowStart = isSlow ? beginSlowStart(now) : null;
  return {
    ...enter(machine, { state: "closed", since: now, slowStart }),
    window: emptyWindow(options),
    openings: isSlow ? machine.openings : 0,
  };
}

function open(machine: Machine, { options, now, random }: Terms): Machine {
  const { open_ms: first, open_max_ms: most } = options;
  const doubled = Math.min(most, first * 2 ** Math.min(machine.openings, 30));
  const openMs = Math.round(doubled * (SHORTEST_OPEN + (1 - SHORTEST_OPEN) * random));
  const opened = enter(machine, { state: "open", since: now, until: now + openMs });
  return { ...opened, openings: machine.openings + 1 };
}

function obey(machine: Machine, { options, order, now }: Terms): Machine {
  const phase: Phase =
    order.mode === "automatic"
      ? { state: "closed", since: now, slowStart: null }
      : { state: order.mode, since: now };
  return {
    ...enter(machine, phase),
    version: order.version,
    openings: 0,
    window: emptyWindow(options),
  };
}

function enter(machine: Machine, phase: Phase): Machine {
  return { ...machine, phase, epoch: machine.epoch + 1, reported: [] };
}

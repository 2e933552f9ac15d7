/**
 * A circuit breaker that is slow and plain: it keeps every call since it last changed its state, and
 * works out all else from that list, again and again. What other breakers are held against.
 */
import type {
  BreakerOptions,
  BreakerOrder,
  BreakerView,
} from "../../src/platform/breaker/index.ts";

interface Call {
  readonly id: string;
  readonly at: number;
  readonly outcome: "success" | "failure" | "ignored";
  readonly durationMs: number;
}

type State = BreakerView["state"];

export interface Reference {
  options: BreakerOptions;
  order: BreakerOrder;
  now: number;
  state: State;
  since: number;
  /** Counts transitions; what was begun before one has another number. */
  epoch: number;
  version: number;
  openings: number;
  /** While open; taken from the breaker itself, within bounds, since it is random. */
  until: number;
  /** Calls that came back since the last transition. */
  calls: Call[];
  /** Permits of half-open that have not come back, with the time at which they are lost. */
  permits: Map<string, number>;
  recovering: boolean;
  /** While recovering: when calls were asked for since it was last judged, and let through. */
  asked: number[];
  admitted: number[];
  judgedSince: number;
  /** When calls came back while all was well, ever. */
  healthy: number[];
  /** `from -> to: why`, and how often. */
  readonly transitions: Map<string, number>;
}

/** What a breaker has to answer; in a slow start there is some play. */
export type Expected = "yes" | "no" | "either";

export function newReference(
  options: BreakerOptions,
  now: number,
  transitions: Map<string, number>,
): Reference {
  return {
    options,
    order: { mode: "automatic", version: 0 },
    now,
    state: "closed",
    since: now,
    epoch: 0,
    version: 0,
    openings: 0,
    until: 0,
    calls: [],
    permits: new Map(),
    recovering: false,
    asked: [],
    admitted: [],
    judgedSince: now,
    healthy: [],
    transitions,
  };
}

function go(model: Reference, to: State, why: string): void {
  const line = `${model.state} -> ${to}: ${why}`;
  model.transitions.set(line, (model.transitions.get(line) ?? 0) + 1);
  model.state = to;
  model.since = model.now;
  model.epoch += 1;
  model.calls = [];
  model.permits = new Map();
  model.recovering = false;
  model.asked = [];
  model.admitted = [];
  model.judgedSince = model.now;
}

/** What has to happen now, whoever asks. */
export function settle(model: Reference): void {
  const { options, order, now } = model;
  if (order.version > model.version) {
    go(model, order.mode === "automatic" ? "closed" : order.mode, `order ${order.mode}`);
    model.version = order.version;
    model.openings = 0;
    return;
  }
  for (const [id, endsAt] of model.permits) if (endsAt <= now) model.permits.delete(id);
  const judgedMs = now - model.judgedSince;
  if (!model.recovering || judgedMs < Math.max(1_000, options.slow_start_ms)) return;
  const asked = model.asked.length;
  model.asked = [];
  model.judgedSince = now;
  if (asked > 0.94 * limit(model) * (judgedMs / 1_000)) return;
  const line = "closed -> closed: slow start over";
  model.transitions.set(line, (model.transitions.get(line) ?? 0) + 1);
  model.recovering = false;
  model.openings = 0;
}

/** Asks. In the states where the answer changes something, tell it by `answered`. */
export function ask(model: Reference, id: string): Expected {
  settle(model);
  const { state, options, now, permits, calls } = model;
  if (state === "disabled") return "yes";
  if (state === "forced_open") return "no";
  if (state === "open") return now < model.until ? "no" : "yes";
  if (state === "half_open") {
    const counted = calls.filter(({ outcome }) => outcome !== "ignored").length;
    const free = options.permitted_calls_in_half_open - permits.size - counted;
    return permits.has(id) || free > 0 ? "yes" : "no";
  }
  if (!model.recovering) return "yes";
  const lately = model.admitted.filter((at) => at > now - 1_000).length;
  if (lately === 0) return "yes";
  const most = limit(model);
  const atOnce = Math.max(options.permitted_calls_in_half_open, most / 20);
  return lately + 1 > most + atOnce ? "no" : "either";
}

export function answered(model: Reference, id: string, leaseMs: number, isYes: boolean): void {
  const { state, now } = model;
  if (isYes && state === "open") go(model, "half_open", "time over");
  if (isYes && model.state === "half_open" && !model.permits.has(id)) {
    model.permits.set(id, now + leaseMs);
  }
  if (state === "closed" && model.recovering) {
    model.asked.push(now);
    if (isYes) model.admitted.push(now);
  }
}

/** Tells how a call ended that was let through in `epoch`. */
export function hear(model: Reference, epoch: number, call: Omit<Call, "at">): void {
  settle(model);
  const { state, options, now } = model;
  if (epoch !== model.epoch) return;
  if (state === "closed" && model.calls.some(({ id }) => id === call.id)) return;
  if (state === "half_open" && !model.permits.delete(call.id)) return;
  if (state !== "closed" && state !== "half_open") return;
  model.calls.push({ ...call, at: now });
  if (state === "closed" && !model.recovering) model.healthy.push(now);
  if (call.outcome === "ignored") return;
  const { calls, isSick } = judged(model);
  if (state === "half_open") {
    if (calls < options.permitted_calls_in_half_open) return;
    if (isSick) open(model);
    else recover(model);
    return;
  }
  const isFull = options.sliding_window_type === "count" && calls === options.sliding_window_size;
  if ((calls >= options.minimum_calls || isFull) && isSick) open(model);
}

function open(model: Reference): void {
  go(model, "open", model.state === "closed" && model.recovering ? "slow start failed" : "sick");
  model.openings += 1;
  model.until = Number.NaN;
}

function recover(model: Reference): void {
  go(model, "closed", "trial went well");
  model.recovering = model.options.slow_start_ms > 0;
  if (!model.recovering) model.openings = 0;
}

/** Between which it may be open, in ms, the first time that it is looked at. */
export function openRange({ options, openings }: Reference): [number, number] {
  let longest = options.open_ms;
  for (let nth = 1; nth < openings; nth++) longest *= 2;
  longest = Math.min(longest, options.open_max_ms);
  return [longest * 0.8, longest];
}

/** The calls that count, and their rates. */
export function judged({ options, calls, state, now }: Reference) {
  const real = calls.filter(({ outcome }) => outcome !== "ignored");
  const size = options.sliding_window_size;
  const steps = Math.min(size, 60);
  const stepMs = (size * 1_000) / steps;
  const step = (at: number) => Math.floor(at / stepMs);
  const inside =
    state === "half_open"
      ? real
      : options.sliding_window_type === "count"
        ? real.slice(-size)
        : real.filter(({ at }) => step(now) - step(at) < steps);
  const failed = inside.filter(({ outcome }) => outcome === "failure").length;
  const slow = inside.filter((call) => call.durationMs >= options.slow_call_duration_ms).length;
  const failureRate = (failed / inside.length) * 100;
  const slowRate = (slow / inside.length) * 100;
  const isSick =
    failureRate >= options.failure_rate_threshold || slowRate >= options.slow_call_rate_threshold;
  return { calls: inside.length, failed, slow, failureRate, slowRate, isSick };
}

/** Calls a second that a slow start may let through now. */
export function limit({ options, healthy, since, now }: Reference): number {
  const counts = [...Map.groupBy(healthy, (at) => Math.floor(at / 1_000)).values()];
  const seconds = counts.map(({ length }) => length);
  // The last one may not be over; alone, it is all that is known.
  const whole = seconds.length > 1 ? seconds.slice(0, -1) : seconds;
  const weights = whole.map((_, index) => (29 / 30) ** (whole.length - 1 - index));
  const sum = (numbers: number[]) => numbers.reduce((left, right) => left + right, 0);
  const rate =
    sum(whole.map((calls, index) => calls * (weights[index] ?? 0))) / (sum(weights) || 1);
  const first = options.permitted_calls_in_half_open;
  const top = Math.max(first, 1.08 * rate);
  const share = (now - since) / options.slow_start_ms;
  if (share < 1) return first + (top - first) * share;
  const overheld = now - since - options.slow_start_ms - 240_000;
  return overheld > 0 ? top * (1 + overheld / options.slow_start_ms) : top;
}

/**
 * The account of one rate limit: a sliding window that no order of events can overdraw. Tokens are
 * lent to isolates as leases. A token counts from its grant until a window after it was spent, and
 * until that is known, until a window after the lease's end. So at every moment all admissions of the
 * window before it are counted; and what is counted never passes the limit.
 */

/** So many admissions in any window of so many milliseconds. */
export interface Policy {
  readonly limit: number;
  readonly windowMs: number;
}

/** Tokens that an isolate may spend. Times are the object's, in ms. */
interface Lease {
  readonly id: string;
  readonly tokens: number;
  readonly from: number;
  readonly endsAt: number;
}

/** What a holder says of its lease when it is over; what is not spent is given back. */
export interface LeaseReturn {
  readonly id: string;
  /** Tokens that were spent no later than so many ms after the lease was asked for. */
  readonly spent: readonly { readonly afterMs: number; readonly tokens: number }[];
}

/** What a ledger remembers, as plain data. */
export interface LedgerState {
  /** Leases whose holders have not yet said what they spent. */
  leases: Lease[];
  /** Tokens that were spent no later than `at`, oldest first. */
  spent: { at: number; tokens: number }[];
}

/** No clock is faster or slower than true time by more than this share: quartz does not drift more. */
export const DRIFT = 0.0005;
/** Clocks tell whole milliseconds, so that two readings may be this much nearer than the moments. */
const READING_MS = 2;
/** What is spent is summed in so many steps of a window: few rows, and little rounded up. */
const STEPS = 512;
/** Leases that are remembered one by one. Of more, the oldest count as spent at their end. */
const LEASES = 256;

export function emptyLedger(): LedgerState {
  return { leases: [], spent: [] };
}

/** Width in ms of the steps in which spent tokens are summed. */
export function stepOf({ windowMs }: Policy): number {
  return Math.max(1, windowMs / STEPS);
}

/** Tokens that count. Those whose time is over are {@link forget}'s to drop. */
export function counted(state: LedgerState): number {
  let sum = 0;
  for (const { tokens } of state.leases) sum += tokens;
  for (const { tokens } of state.spent) sum += tokens;
  return sum;
}

/** Drops what counts no more at `now`. */
export function forget(state: LedgerState, policy: Policy, now: number): void {
  const over = now - spanOf(policy);
  state.leases = state.leases.filter(({ endsAt }) => endsAt > over);
  let gone = 0;
  while ((state.spent[gone]?.at ?? now) <= over) gone++;
  if (gone > 0) state.spent.splice(0, gone);
}

/**
 * Takes a lease back: what was not spent is free at once. A lease that is not known any more counts
 * no more either, so it may be told of twice.
 */
export function settle(
  state: LedgerState,
  policy: Policy,
  now: number,
  { id, spent }: LeaseReturn,
): void {
  const index = state.leases.findIndex((lease) => lease.id === id);
  const lease = state.leases[index];
  if (!lease) return;
  state.leases.splice(index, 1);
  let left = lease.tokens;
  for (const { afterMs, tokens } of spent) {
    // The holder counts from before its question, which is before the grant: never too early here.
    const at = lease.from + afterMs * (1 + 2 * DRIFT);
    // One that cannot count has spent at the end.
    const known = afterMs >= 0 ? Math.min(at, now, lease.endsAt) : lease.endsAt;
    const used = tokens >= 0 ? Math.min(Math.ceil(tokens), left) : left;
    spend(state, policy, known, used);
    left -= used;
  }
}

/** Lends tokens until `endsAt`. There must be as many free. */
export function lend(state: LedgerState, policy: Policy, lease: Lease): void {
  state.leases.push(lease);
  const oldest = state.leases.length > LEASES ? state.leases.shift() : undefined;
  if (oldest) spend(state, policy, oldest.endsAt, oldest.tokens);
}

/** Counts tokens as spent at a moment, rounded up: a token may count too long, never too short. */
export function spend(state: LedgerState, policy: Policy, at: number, tokens: number): void {
  if (tokens < 1) return;
  const step = stepOf(policy);
  const stepAt = Math.ceil(at / step) * step;
  const index = state.spent.findLastIndex((entry) => entry.at <= stepAt);
  const there = state.spent[index];
  if (there?.at === stepAt) there.tokens += tokens;
  else state.spent.splice(index + 1, 0, { at: stepAt, tokens });
}

/** Moves all times on, or back if less than 0: every token counts so much longer, or as long as before. */
export function shift(state: LedgerState, byMs: number): void {
  state.leases = state.leases.map((lease) => ({
    ...lease,
    from: lease.from + byMs,
    endsAt: lease.endsAt + byMs,
  }));
  state.spent = state.spent.map(({ at, tokens }) => ({ at: at + byMs, tokens }));
}

/** Whether nothing counts. */
export function isEmpty({ leases, spent }: LedgerState): boolean {
  return leases.length === 0 && spent.length === 0;
}

/** From when on so many tokens, or as many as the limit has, are free if nobody else takes any. */
export function freeAt(state: LedgerState, policy: Policy, now: number, tokens: number): number {
  if (policy.limit < 1) return now + policy.windowMs;
  let lacking = Math.min(tokens, policy.limit) - (policy.limit - counted(state));
  if (lacking <= 0) return now;
  const ends = [
    ...state.leases.map((lease) => ({ at: lease.endsAt, tokens: lease.tokens })),
    ...state.spent,
  ].sort((one, other) => one.at - other.at);
  for (const { at, tokens: freed } of ends) {
    lacking -= freed;
    if (lacking <= 0) return at + spanOf(policy);
  }
  return now + spanOf(policy);
}

/** For how long a token counts, in ms: a window by any clock that keeps to {@link DRIFT}. */
function spanOf({ windowMs }: Policy): number {
  return windowMs * (1 + DRIFT) + READING_MS;
}

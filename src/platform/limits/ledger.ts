/**
 * The account of one rate limit: a sliding window that no order of events can overdraw. Tokens are
 * lent to isolates as leases. A token counts from its grant until a window after the last moment at
 * which it can have been spent, so at every moment all admissions of the window before it are
 * counted; and what is counted never passes the limit.
 */

/** So many admissions in any window of so many milliseconds. */
export interface Policy {
  readonly limit: number;
  readonly windowMs: number;
}

/** Tokens that an isolate may spend until `endsAt`. */
export interface Lease {
  readonly id: string;
  readonly tokens: number;
  readonly endsAt: number;
}

/** What a ledger remembers, as plain data. Times are the object's, in ms. */
export interface LedgerState {
  /** Leases whose holders have not yet said what they spent. */
  leases: Lease[];
  /** Tokens that were spent no later than `at`, oldest first. */
  spent: { at: number; tokens: number }[];
}

/** Spent tokens are summed in so many steps of a window: few rows, and little rounded up. */
const STEPS = 256;

export function emptyLedger(): LedgerState {
  return { leases: [], spent: [] };
}

/** Tokens that count at `now`. */
export function counted(state: LedgerState): number {
  let sum = 0;
  for (const { tokens } of state.leases) sum += tokens;
  for (const { tokens } of state.spent) sum += tokens;
  return sum;
}

/** Drops what counts no more at `now`. */
export function forget(state: LedgerState, { windowMs }: Policy, now: number): void {
  state.leases = state.leases.filter(({ endsAt }) => endsAt + windowMs > now);
  let gone = 0;
  while (gone < state.spent.length && (state.spent[gone]?.at ?? now) + windowMs <= now) gone++;
  if (gone > 0) state.spent.splice(0, gone);
}

/**
 * Takes a lease back: what was not spent is free at once, and what was spent counts from now, or from
 * the lease's end if that was before. A lease that is not known any more counts no more either.
 */
export function settle(
  state: LedgerState,
  { windowMs }: Policy,
  now: number,
  { id, unspent }: { readonly id: string; readonly unspent: number },
): void {
  const index = state.leases.findIndex((lease) => lease.id === id);
  const lease = state.leases[index];
  if (!lease) return;
  state.leases.splice(index, 1);
  const tokens = lease.tokens - Math.min(Math.max(0, Math.floor(unspent)), lease.tokens);
  if (tokens > 0) spend(state, windowMs, Math.min(now, lease.endsAt), tokens);
}

/** Lends tokens. There must be as many free. */
export function lend(state: LedgerState, lease: Lease): void {
  state.leases.push(lease);
}

/** Whether nothing counts. */
export function isEmpty({ leases, spent }: LedgerState): boolean {
  return leases.length === 0 && spent.length === 0;
}

/** When the first of the counted tokens stops to count. */
export function freeAt(state: LedgerState, { limit, windowMs }: Policy, now: number): number {
  if (limit < 1) return now + windowMs;
  const ends = [...state.leases.map(({ endsAt }) => endsAt), ...state.spent.map(({ at }) => at)];
  return ends.length === 0 ? now : Math.min(...ends) + windowMs;
}

function spend(state: LedgerState, windowMs: number, at: number, tokens: number): void {
  const step = Math.max(1, windowMs / STEPS);
  // Rounded up: a token may count too long, never too short.
  const stepAt = Math.ceil(at / step) * step;
  const index = state.spent.findLastIndex((entry) => entry.at <= stepAt);
  const there = state.spent[index];
  if (there?.at === stepAt) there.tokens += tokens;
  else state.spent.splice(index + 1, 0, { at: stepAt, tokens });
}

import { counted, forget, spend } from "./ledger.ts";
import { hasToken, type Purse } from "./purses.ts";

/** For how long one is taken to be asking whether the object answers again, in ms. */
const PROBE_MS = 500;
/** Share of a limit that one isolate admits in a window while the object does not answer. */
const SHARE = 0.01;

/** Whether a token may be spent although the object does not answer. */
export function hasUnheard({ unheard, policy }: Purse, now: number): boolean {
  forget(unheard, policy, now);
  return counted(unheard) < Math.max(1, Math.floor(policy.limit * SHARE));
}

/**
 * Until when nobody else is admitted, where the object has last been silent and the share is spent; 0
 * when one may. From the end of the silence on it is one at a time: whoever gets the 0 may ask.
 */
export function deafUntil(purse: Purse, now: number): number {
  if (purse.silentUntil === 0 || hasToken(purse, now) || hasUnheard(purse, now)) return 0;
  const until = Math.max(purse.silentUntil, purse.askingUntil);
  if (until > now) return until;
  purse.askingUntil = now + PROBE_MS;
  return 0;
}

/** Counts it as any other: in no window there are more than the share. */
export function spendUnheard({ unheard, policy }: Purse, now: number): void {
  spend(unheard, policy, now, 1);
}

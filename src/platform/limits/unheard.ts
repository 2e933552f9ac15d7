import { counted, forget, spend } from "./ledger.ts";
import type { Purse } from "./purses.ts";

/** Share of a limit that one isolate admits in a window while the object does not answer. */
const SHARE = 0.01;

/** Whether a token may be spent although the object does not answer. */
export function hasUnheard({ unheard, policy }: Purse, now: number): boolean {
  forget(unheard, policy, now);
  return counted(unheard) < Math.max(1, Math.floor(policy.limit * SHARE));
}

/** Counts it as any other: in no window there are more than the share. */
export function spendUnheard({ unheard, policy }: Purse, now: number): void {
  spend(unheard, policy, now, 1);
}

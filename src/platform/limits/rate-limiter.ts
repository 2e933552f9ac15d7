import { DurableObject } from "cloudflare:workers";
import { type Accounts, type Ask, type Loan, lendAll } from "./account.ts";
import { forget, isEmpty, type LedgerState, type Policy } from "./ledger.ts";

/** How often accounts on which nothing counts are thrown away, in ms. */
const TIDY_MS = 3_600_000;

/** An account as it is kept. The policy says for how long it counts. */
interface Kept {
  readonly state: LedgerState;
  readonly policy: Policy;
}

/**
 * The limits of one tenant, or of one share of all addresses. Every loan is written down before it
 * is answered, so that an object that is evicted goes on where it was.
 */
export class RateLimiter extends DurableObject {
  readonly #accounts: Accounts = new Map();

  /** Lends tokens of all that is asked for, or of nothing. Times in the answer are from now on. */
  async lend(asks: readonly Ask[]): Promise<Loan> {
    const now = Date.now();
    const { kv } = this.ctx.storage;
    for (const { key } of asks) {
      const kept = this.#accounts.has(key) ? undefined : kv.get<Kept>(key);
      if (kept) this.#accounts.set(key, kept.state);
    }
    const loan = lendAll(this.#accounts, asks, now);
    for (const { key, policy } of asks) {
      const state = this.#accounts.get(key);
      if (state) kv.put(key, { state, policy } satisfies Kept);
    }
    if ((await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(now + TIDY_MS);
    }
    return loan;
  }

  /** Throws accounts away on which nothing counts, so that past callers take no room. */
  override async alarm(): Promise<void> {
    const { kv } = this.ctx.storage;
    let left = 0;
    for (const [key, { state, policy }] of kv.list<Kept>()) {
      forget(state, policy, Date.now());
      if (isEmpty(state)) {
        kv.delete(key);
        this.#accounts.delete(key);
      } else left += 1;
    }
    if (left > 0) await this.ctx.storage.setAlarm(Date.now() + TIDY_MS);
  }
}

import { DurableObject } from "cloudflare:workers";
import { createLru, type Lru } from "../lru.ts";
import {
  type Account,
  type Ask,
  type Loan,
  lendAll,
  loaded,
  type StoredAccount,
  timeOf,
} from "./account.ts";
import { forget, isEmpty } from "./ledger.ts";

/** How often accounts on which nothing counts are thrown away, in ms. */
const TIDY_MS = 600_000;
/** Accounts that are looked at in one go, and that are held in memory. */
const PAGE = 1_000;

/**
 * The limits of one tenant, or of one share of all addresses. Every loan is written down before it
 * is answered, so that an object that is evicted goes on where it was.
 */
export class RateLimiter extends DurableObject {
  readonly #instance = crypto.randomUUID();
  /** Spares reading; storage is what counts, so that many addresses take no memory. */
  readonly #accounts: Lru<Account> = createLru<Account>(PAGE);

  /** Lends tokens of all that is asked for, or of nothing. Times in the answer are from now on. */
  async lend(asks: readonly Ask[]): Promise<Loan> {
    const now = Date.now();
    const { kv } = this.ctx.storage;
    for (const { key } of asks) {
      const stored = this.#accounts.get(key) ? undefined : kv.get<StoredAccount>(key);
      if (stored) this.#accounts.set(key, loaded(stored, this.#instance));
    }
    const loan = lendAll(this.#accounts, asks, now);
    for (const { key } of asks) {
      const account = this.#accounts.get(key);
      if (account) kv.put<StoredAccount>(key, { account, writtenBy: this.#instance });
    }
    if (asks.length > 0 && (await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(now + TIDY_MS);
    }
    return loan;
  }

  /** Leaves nothing: its tenant is gone for good. */
  async erase(): Promise<void> {
    for (const key of this.#accounts.keys()) this.#accounts.delete(key);
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  /** Throws accounts away on which nothing counts, so that past callers take no room. */
  override async alarm(): Promise<void> {
    const { kv } = this.ctx.storage;
    let kept = 0;
    let after: string | undefined;
    while (true) {
      const start = after === undefined ? {} : { startAfter: after };
      const page = [...kv.list<StoredAccount>({ limit: PAGE, ...start })];
      for (const [key, stored] of page) {
        after = key;
        const account = loaded(stored, this.#instance);
        forget(account, account.policy, timeOf(account, Date.now()));
        if (!isEmpty(account)) kept += 1;
        else {
          kv.delete(key);
          this.#accounts.delete(key);
        }
      }
      if (page.length < PAGE) break;
      // Who asks meanwhile has its turn between two pages.
      await scheduler.wait(0);
    }
    if (kept > 0) await this.ctx.storage.setAlarm(Date.now() + TIDY_MS);
  }
}

import {
  type Account,
  type Ask,
  type Loan,
  lendAll,
  loaded,
  type StoredAccount,
} from "../../src/platform/limits/account.ts";
import type { Timeline } from "./limit-timeline.ts";

/** A clock that tells whole milliseconds. */
export interface Clock {
  /** Ms that it shows at true time 0. */
  readonly offset: number;
  /** How much faster it goes than true time, as a share. */
  readonly drift: number;
}

export function read({ offset, drift }: Clock, trueTime: number): number {
  return Math.floor(offset + trueTime * (1 + drift));
}

/** What becomes of one question. */
export interface Fate {
  readonly kind: "answered" | "request lost" | "reply lost" | "asked twice" | "down";
  /** Ms on the way to the object, and back. */
  readonly toMs: number;
  readonly backMs: number;
}

/** How long an asker waits, in ms. */
const PATIENCE_MS = 2_000;

export interface SimulatedObject {
  /** @param onLend told whenever the object gets to see the question */
  ask(asks: readonly Ask[], fate: Fate, onLend?: () => void): Promise<Loan>;
  /** The object starts again from what was stored, perhaps where the clock is ahead or behind. */
  evict(jumpMs: number): void;
  /** Rows of the largest account so far, and its size in bytes as JSON. */
  readonly largest: { rows: number; bytes: number };
}

/** The object's own arithmetic, with a network and a clock that can be made bad. */
export function createObject(
  timeline: Timeline,
  clock: Clock,
  lend: typeof lendAll = lendAll,
): SimulatedObject {
  let accounts = new Map<string, Account>();
  let instance = 0;
  let ahead = 0;
  const largest = { rows: 0, bytes: 0 };
  const answer = (wire: string): Loan => {
    const asks: Ask[] = JSON.parse(wire);
    const loan = lend(accounts, asks, read(clock, timeline.now) + ahead);
    for (const { key } of asks) measure(largest, accounts.get(key));
    return JSON.parse(JSON.stringify(loan));
  };
  return {
    largest,
    ask: (asks, fate, onLend) =>
      new Promise((resolve, reject) => {
        // What goes over the wire is a copy.
        const wire = JSON.stringify(asks);
        const from = timeline.now;
        const asked = (afterMs: number, then: (loan: Loan) => void) =>
          timeline.at(from + afterMs, () => {
            onLend?.();
            then(answer(wire));
          });
        const replied = (loan: Loan) =>
          timeline.at(timeline.now + fate.backMs, () => resolve(loan));
        const fail = (afterMs: number) =>
          timeline.at(from + afterMs, () => reject(new Error(`The object is silent.`)));
        if (fate.kind === "down") return fail(fate.toMs);
        fail(PATIENCE_MS);
        if (fate.kind === "answered") asked(fate.toMs, replied);
        if (fate.kind === "reply lost") asked(fate.toMs, () => {});
        if (fate.kind !== "asked twice") return;
        asked(fate.toMs, () => {});
        asked(fate.toMs + fate.backMs, replied);
      }),
    evict(jumpMs) {
      const writtenBy = `${instance++}`;
      const stored: [string, StoredAccount][] = JSON.parse(
        JSON.stringify([...accounts].map(([key, account]) => [key, { account, writtenBy }])),
      );
      accounts = new Map(stored.map(([key, one]) => [key, loaded(one, `${instance}`)]));
      ahead += jumpMs;
    },
  };
}

function measure(largest: { rows: number; bytes: number }, account: Account | undefined): void {
  if (!account) return;
  const rows = account.leases.length + account.spent.length + account.waiting.length;
  if (rows <= largest.rows) return;
  largest.rows = rows;
  largest.bytes = JSON.stringify(account).length;
}

import { newId } from "../../platform/ids.ts";
import {
  ifCritical,
  noteChange,
  openOf,
  resolveRecovered,
  thisOpenOne,
  type Which,
} from "./raise.repository.ts";
import { type Becoming, NOTHING, type Raising, ringAll, told } from "./raise.ts";
import type { OpenSignal } from "./risk.repository.ts";

/** Who resolved it, where nobody did. */
const RECOVERY = "recovery";

/** A signal that is over, if it is open by the time of the commit. */
export interface Recovery extends Becoming {
  /** Whether destinations may have been told of the signal. */
  readonly mayBeCritical: boolean;
}

/** Resolves the open signal of this key, where there is one: what it told of is over. */
export function recover(dedupeKey: string, now: Date, mayBeCritical = true): Recovery {
  const details = { dedupe_key: dedupeKey };
  return recovery(openOf(dedupeKey), newId("signal"), details, mayBeCritical, now);
}

/** The same of a signal that has no key, and therefore is as severe as it was. */
export function recoverThis({ id, severity }: OpenSignal, now: Date): Recovery {
  return recovery(thisOpenOne(id), id, {}, severity === "critical", now);
}

/** Raises a signal by which others are over: one commit, and one bell. */
export function raiseAfter(recoveries: readonly Recovery[], raising: Raising): Raising {
  // The bell of a critical one tells destinations too.
  const { ring } = recoveries.find(({ mayBeCritical }) => mayBeCritical) ?? raising;
  return {
    row: raising.row,
    steps: [...recoveries.flatMap(({ steps }) => steps), ...raising.steps],
    audit: [...raising.audit, ...recoveries.flatMap(({ audit }) => audit)],
    ring,
  };
}

function recovery(
  which: Which,
  nonce: string,
  details: Readonly<Record<string, unknown>>,
  mayBeCritical: boolean,
  now: Date,
): Recovery {
  const noted = noteChange(which, "resolved", now, nonce);
  const time = now.toISOString();
  const event = mayBeCritical
    ? told("signal.resolved", ifCritical(which), now, {
        status: "resolved",
        resolved_at: time,
        resolved_by: RECOVERY,
        updated_at: time,
      })
    : NOTHING;
  return {
    steps: [noted, ...event.steps, resolveRecovered(which, now, RECOVERY, nonce)],
    audit: [
      {
        action: "signal.resolved",
        targetFrom: which,
        details: { by: RECOVERY, ...details },
        whenChanged: noted.as,
      },
      ...event.audit,
    ],
    ring: (ctx) => ringAll(ctx, event),
    mayBeCritical,
  };
}

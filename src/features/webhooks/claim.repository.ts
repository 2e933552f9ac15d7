import { sql } from "drizzle-orm";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { webhookAttempts, webhookDrain, webhookEvents } from "./webhooks.tables.ts";

/** Whether something is due. */
export const anyDue = (now: number) =>
  sql`EXISTS (SELECT 1 FROM ${webhookEvents} WHERE replay IN (0, 1) AND due_at <= ${now})`;

export interface Claim {
  readonly lease: string;
  readonly now: number;
  readonly leaseUntil: number;
  readonly chainUntil: number;
  /** Whether the chain's own doorbell asks; another gives way to a chain. */
  readonly again: boolean;
  /** Events, and replays among them at most. */
  readonly live: number;
  readonly replays: number;
}

/**
 * Takes what is due: live events first, the longest due before the others, then so many replays
 * that no more than `replays` are in flight. Fails with `conflict` when a chain was faster.
 */
export function claimSteps(claim: Claim): Step[] {
  const { lease, now } = claim;
  const chainUntil = new Date(claim.chainUntil);
  return [
    {
      statement: write
        .insert(webhookDrain)
        .values({ singleton: 1, chainUntil, seenAt: new Date(now) })
        .onConflictDoUpdate({
          target: webhookDrain.singleton,
          set: { chainUntil, seenAt: new Date(now) },
          ...(claim.again ? {} : { setWhere: sql`${webhookDrain.chainUntil} <= ${now}` }),
        }),
      expect: 1,
      as: "webhook_drain.chain",
    },
    take(claim, 0, sql`${claim.live}`),
    take(claim, 1, sql`max(0, ${claim.replays} - ${replaysInFlight(now)})`),
    {
      statement: write.insert(webhookAttempts).select(
        sql`SELECT id, attempts, ${lease}, ${now}, NULL, NULL, NULL FROM ${webhookEvents}
          WHERE lease = ${lease}`,
      ),
      expect: "any",
      as: "webhook_attempts.begin",
    },
    {
      // Nothing is left: the chain ends here, and the next doorbell begins another.
      statement: write
        .update(webhookDrain)
        .set({ chainUntil: new Date(0) })
        .where(sql`NOT ${anyDue(now)}`),
      expect: "any",
      as: "webhook_drain.end",
    },
  ];
}

const replaysInFlight = (now: number) => sql`(SELECT count(*) FROM webhook_events AS flying
  WHERE flying.replay = 1 AND flying.due_at > ${now} AND flying.status = 'processing')`;

/**
 * An event that half of its attempts or more have not outlived: it may be what ends its consumers.
 * Those are taken one by one, so that whoever was taken together with it does not die with it.
 */
const SUSPECT = sql.raw("(lease IS NOT NULL AND attempts_left * 2 <= max_attempts)");

/** By the index of leases: they are few, while a flood may be due. */
const firstSuspect = (replay: 0 | 1, now: number) => sql`SELECT id FROM webhook_events
  INDEXED BY webhook_events_lease WHERE lease > '' AND replay = ${replay} AND due_at <= ${now}
  AND ${SUSPECT} ORDER BY due_at, id LIMIT 1`;

function take(
  { lease, now, leaseUntil }: Claim,
  replay: 0 | 1,
  limit: ReturnType<typeof sql>,
): Step {
  return {
    statement: write
      .update(webhookEvents)
      .set({
        status: "processing",
        lease,
        dueAt: new Date(leaseUntil),
        attempts: sql`attempts + 1`,
        attemptsLeft: sql`attempts_left - 1`,
      })
      .where(
        sql`id IN (SELECT id FROM ${webhookEvents} WHERE replay = ${replay} AND due_at <= ${now}
          AND (NOT ${SUSPECT} OR id = (${firstSuspect(replay, now)}))
          ORDER BY due_at, id LIMIT ${limit})`,
      ),
    expect: "any",
    as: replay ? "webhook_events.claim_replays" : "webhook_events.claim",
  };
}

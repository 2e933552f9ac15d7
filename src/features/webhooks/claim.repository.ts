import { sql } from "drizzle-orm";
import { type ChainClaim, endChain, takeChain } from "../../platform/jobs/drain-row.ts";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { webhookAttempts, webhookDrain, webhookEvents } from "./webhooks.tables.ts";

/** Whether something is due. */
export const anyDue = (now: number) =>
  sql`EXISTS (SELECT 1 FROM ${webhookEvents} WHERE replay IN (0, 1) AND due_at <= ${now})`;

export interface Claim extends ChainClaim {
  /** Events, and replays among them at most. */
  readonly live: number;
  readonly replays: number;
  /** And bytes of payloads; one event at least, whatever its size. */
  readonly bytes: number;
}

/**
 * Takes what is due: live events first, the longest due before the others, then so many replays
 * that no more than `replays` are in flight. The lease is the chain's next token, so of two bells
 * with one token the first takes. Fails with `conflict` when another was faster.
 */
export function claimSteps(claim: Claim): Step[] {
  const { lease, now } = claim;
  return [
    takeChain(webhookDrain, claim, firstRetryOf(now)),
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
    endChain(webhookDrain, anyDue(now)),
  ];
}

/** By the index of leases: many more may wait for another attempt than are in flight. */
const replaysInFlight = (now: number) => sql`(SELECT count(*) FROM webhook_events AS flying
  INDEXED BY webhook_events_lease
  WHERE flying.lease > '' AND flying.replay = 1 AND flying.due_at > ${now})`;

/** When what failed, or was put off, is to be tried again first. */
const firstRetryOf = (now: number) => sql`(SELECT min(due_at) FROM (
    SELECT * FROM (${firstRetry(0, now)}) UNION ALL SELECT * FROM (${firstRetry(1, now)})))`;

/** By the index, past all that is due: a flood is not read through for it. */
const firstRetry = (replay: 0 | 1, now: number) => sql`SELECT due_at FROM webhook_events
  WHERE replay = ${replay} AND due_at > ${now} AND status IN ('failed', 'pending')
  ORDER BY due_at LIMIT 1`;

/** Attempts that began after the last one that ended. */
export const LOST_SINCE = sql.raw(`(webhook_events.attempts - coalesce((SELECT max(number)
  FROM webhook_attempts WHERE event_id = webhook_events.id AND outcome IS NOT NULL), 0))`);

/**
 * An event that lost two leases, one after the other: it may be what ends those who work on it. Of
 * such only one is taken at a time, so that those taken together with it do not end with it too.
 */
const SUSPECT = sql`(lease IS NOT NULL AND ${LOST_SINCE} >= 2)`;

/** By the index of leases: they are few, while a flood may be due. */
const firstSuspect = (replay: 0 | 1, now: number) => sql`SELECT id FROM webhook_events
  INDEXED BY webhook_events_lease WHERE lease > '' AND replay = ${replay} AND due_at <= ${now}
  AND ${SUSPECT} ORDER BY due_at, id LIMIT 1`;

/** What was taken in this claim before, and of the candidates, in their order, up to each one. */
const bytesWith = (lease: string) => sql`(SELECT coalesce(sum(size), 0) FROM webhook_events
  WHERE lease = ${lease}) + sum(size) OVER (ORDER BY due_at, id)`;

function take(
  { lease, now, leaseUntil, bytes }: Claim,
  replay: 0 | 1,
  limit: ReturnType<typeof sql>,
): Step {
  const due = sql`SELECT id, due_at, size FROM webhook_events
    WHERE replay = ${replay} AND due_at <= ${now}
      AND (NOT ${SUSPECT} OR id = (${firstSuspect(replay, now)}))
    ORDER BY due_at, id LIMIT ${limit}`;
  return {
    statement: write
      .update(webhookEvents)
      .set({
        status: "processing",
        lease,
        dueAt: new Date(leaseUntil),
        attempts: sql`attempts + 1`,
      })
      .where(
        sql`id IN (SELECT id FROM (SELECT id, size, ${bytesWith(lease)} AS bytes FROM (${due}))
          WHERE bytes <= ${bytes} OR bytes = size)`,
      ),
    expect: "any",
    as: replay ? "webhook_events.claim_replays" : "webhook_events.claim",
  };
}

import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import type { JobAddress } from "../../platform/jobs/doorbell.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import { countEvents, countPosted } from "../../platform/quotas/usage.ts";
import type { AuditEntry, Step } from "../../platform/tenancy/index.ts";
import { DELIVER, fanOut, ringDeliveries } from "../destinations/index.ts";
import { EVALUATE, ringEvaluation, samplesOf, takeSamples } from "../rules/index.ts";
import { type EventRow, insertActed, insertEvent } from "./events.repository.ts";

/** What happened, as whoever records it knows it. */
export type NewEvent = Omit<EventRow, "id" | "recordedAt">;

/** What recording an event adds to a commit, and what is to be called after it. */
export interface Recording {
  readonly steps: Step[];
  readonly audit: AuditEntry[];
  /** Tells whoever delivers events. Once after many commits is enough; it fails nothing. */
  readonly ring: (ctx: TenantCtx) => Promise<void>;
}

/** Samples in one statement: a bound value may have 2 MB. */
const SAMPLES_PER_STATEMENT = 5_000;

/** Records an event, queues it for the destinations that want it, and takes what it measured. */
export function recordEvent(event: NewEvent): Recording {
  const row = eventRow(event);
  const sampling = takeAll([row]);
  return {
    steps: [insertEvent(row), fanOut([row]), ...sampling, countEvents(1, row.recordedAt)],
    audit: [createdEntry(row)],
    ring: sampling.length > 0 ? ringListeners : ringDeliveries,
  };
}

/**
 * The same for events of actors, all or none, in as few statements. The commit itself tells whether
 * anybody listens, so that to ring costs no look.
 * @param otherwise what it means that one of the actors is not there, or not active
 * @param quota events that their month may have; with more, the commit fails as `over-quota`
 */
export function recordActed(
  rows: readonly EventRow[],
  { otherwise, quota }: { readonly otherwise: ProblemCode; readonly quota: number | null },
): Pick<Recording, "steps" | "ring"> {
  const queued = createTally(1);
  const sampling = takeAll(rows);
  const taken = createTally(sampling.length);
  return {
    steps: [
      ...insertActed(rows, otherwise),
      { ...fanOut(rows), changed: queued.add },
      ...sampling.map((step) => ({ ...step, changed: taken.add })),
      ...countPosted(rows.length, rows.at(-1)?.recordedAt ?? new Date(), quota),
    ],
    ring: async (ctx) => {
      await ringFor(ctx, queued.sum(), DELIVER, ringDeliveries);
      await ringFor(ctx, taken.sum(), EVALUATE, ringEvaluation);
    },
  };
}

export function eventRow(event: NewEvent): EventRow {
  return { ...event, id: newId("event"), recordedAt: new Date() };
}

export function createdEntry({ id, type, source, actorId }: EventRow): AuditEntry {
  const details = { type, source, ...(actorId === null ? {} : { actor_id: actorId }) };
  return { action: "event.created", target: id, details };
}

/** What the events measured, in the order of their times. */
function takeAll(rows: readonly EventRow[]) {
  const samples = rows
    .flatMap(({ metadata, occurredAt }) => samplesOf(metadata, occurredAt))
    .toSorted((a, b) => a.at.getTime() - b.at.getTime());
  const chunks = Math.ceil(samples.length / SAMPLES_PER_STATEMENT);
  return Array.from({ length: chunks }, (_, nth) =>
    takeSamples(samples.slice(nth * SAMPLES_PER_STATEMENT, (nth + 1) * SAMPLES_PER_STATEMENT)),
  );
}

/** Adds up what some statements of a commit changed: null while one of them has not been told of. */
function createTally(statements: number) {
  let untold = statements;
  let rows = 0;
  return {
    add: (changed: number) => {
      untold -= 1;
      rows += changed;
    },
    sum: () => (untold > 0 ? null : rows),
  };
}

/** @param rows what is left for the job; null where only a look can tell */
async function ringFor(
  ctx: TenantCtx,
  rows: number | null,
  job: JobAddress,
  look: (ctx: TenantCtx) => Promise<void>,
): Promise<void> {
  if (rows === null) await look(ctx);
  else if (rows > 0) await ringJob(ctx, job);
}

async function ringListeners(ctx: TenantCtx): Promise<void> {
  await ringDeliveries(ctx);
  await ringEvaluation(ctx);
}

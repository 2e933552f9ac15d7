import type { z } from "zod";
import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { onceMore } from "../../platform/once-more.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, type Step } from "../../platform/tenancy/index.ts";
import { ringEvaluation, samplesOf, takeSamples } from "../rules/index.ts";
import { evaluateSamples } from "./evaluate.service.ts";
import type { NewSignal } from "./new-signal.schemas.ts";
import { type FoundSignal, type Raising, raise } from "./raise.ts";
import { raiseAfter, recover, recoverThis } from "./recover.ts";
import { type OpenSignal, readRisk, readRiskAnd, type Standing } from "./risk.repository.ts";
import {
  findSignal,
  keysetFor,
  listSignals,
  type ORDERINGS,
  requireOpen,
  type SignalFilters,
  type SignalRow,
} from "./signals.repository.ts";
import { BREACHES, judge, SLA_KINDS, WITHIN } from "./sla.ts";

type Input = z.output<typeof NewSignal>;
type Reading = Extract<Input, { metric: string }>;
type ByHand = Extract<Input, { severity: unknown }>;
type Report = Exclude<Input, Reading | ByHand>;

/** A signal, and whether it was opened or was open already. */
export interface Opened {
  readonly row: SignalRow;
  readonly isNew: boolean;
}

interface ListQuery extends Omit<SignalFilters, "assigneeId"> {
  readonly assignee_id?: string | undefined;
  readonly ordering: (typeof ORDERINGS)[number];
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export function list(ctx: TenantCtx, query: ListQuery): Promise<Page<SignalRow>> {
  const { limit, cursor, ordering, assignee_id: assigneeId, ...others } = query;
  const filters = { ...others, assigneeId };
  return paginate(
    ctx,
    { list: "signals", filters: { ...filters, ordering }, limit, cursor },
    (after, count) => listSignals(ctx.db, filters, ordering, after, count),
    keysetFor(ordering),
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: TenantCtx, id: string, from?: "primary"): Promise<SignalRow> {
  const row = await findSignal(ctx.db, id, from);
  if (!row) throw new Failure("not-found");
  return row;
}

/** So many breaches one report may end: what it writes stays within one commit's size. */
const MOST_RECOVERED = 20;

/**
 * Opens a signal; a reading of a metric, and a report within every promise, is counted at the one that
 * is open already.
 */
export function open(ctx: TenantCtx, input: Input): Promise<Opened> {
  const now = new Date();
  if ("metric" in input) return read(ctx, input, now);
  return "severity" in input ? openByHand(ctx, input, now) : openReport(ctx, input, now);
}

/** Holds a report against the promises. Breaches of those that it shows to be kept are over. */
function openReport(ctx: TenantCtx, report: Report, now: Date): Promise<Opened> {
  const measured = {
    responseTimeMs: report.response_time_ms ?? null,
    errorRatePercent: report.error_rate_percent ?? null,
    downtimeMinutes: report.downtime_minutes ?? null,
  };
  const sought = { dedupeKey: WITHIN, oldest: { kinds: BREACHES, most: MOST_RECOVERED } };
  return onceMore(async () => {
    const { risk, there, oldest } = await readRiskAnd(ctx.db, SLA_KINDS, sought, now);
    const { kept, ...judgement } = judge(measured, risk.sla);
    const raising = raise({ source: "sla", occurredAt: now, ...measured, ...judgement }, risk, now);
    const recoveries = oldestOf(kept, oldest).map((signal) => recoverThis(signal, now));
    if (judgement.dedupeKey === null) return save(ctx, raiseAfter(recoveries, raising), null);
    // Uptime sums the downtime of signals by when they were opened: none of it is lost in counting.
    if (measured.downtimeMinutes || there?.downtimeMinutes) {
      recoveries.push(recover(judgement.dedupeKey, now, false));
      return save(ctx, raiseAfter(recoveries, raising), null);
    }
    return save(ctx, raiseAfter(recoveries, raising), there);
  });
}

/** Of these kinds, as many as one report ends. */
function oldestOf(kinds: readonly string[], oldest: Standing["oldest"]): OpenSignal[] {
  const all = kinds.flatMap((kind) => oldest[kind] ?? []);
  // Ids are in the order of opening.
  return all.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, MOST_RECOVERED);
}

async function openByHand(ctx: TenantCtx, input: ByHand, now: Date): Promise<Opened> {
  const { severity, title, description = null } = input;
  const found = { source: MANUAL, kind: MANUAL, severity, title, description } as const;
  const risk = await readRisk(ctx.db, [MANUAL], now);
  return save(ctx, raise({ ...found, occurredAt: now }, risk, now), null);
}

const MANUAL = "manual";

/** Takes a reading in: its signal, and the sample that rules are held against at once. */
async function read(ctx: TenantCtx, reading: Reading, now: Date): Promise<Opened> {
  const found = signalOf(reading, now);
  const { dedupeKey } = found;
  const sample = takeSamples(samplesOf({ [reading.metric]: reading.metric_value }, now));
  const opened = await onceMore(async () => {
    const { risk, there } = await readRiskAnd(ctx.db, [found.kind], { dedupeKey }, now);
    return save(ctx, raise(found, risk, now), there, sample);
  });
  await evaluate(ctx);
  return opened;
}

/**
 * Commits it. The answer tells whether it was opened, or counted at the one that was there, so the
 * commit asks whether that still holds.
 * @throws Failure `conflict` if it does not
 */
async function save(
  ctx: TenantCtx,
  { row, steps, audit, ring }: Raising,
  there: SignalRow | null,
  ...more: Step[]
): Promise<Opened> {
  const result = there ? { row: counted(there, row), isNew: false } : { row, isNew: true };
  await commit(ctx, [...steps, requireOpen(result.row.id), ...more], audit, result);
  await ring(ctx);
  return result;
}

function signalOf({ metric, metric_value: value }: Reading, now: Date) {
  return {
    source: "infra",
    // Not the rules' kind: that it was read shall not make a breach more urgent.
    kind: `reading:${metric}`,
    severity: "low",
    title: `Reading of ${metric}`,
    description: `${metric} is ${value}.`,
    occurredAt: now,
    dedupeKey: `infra:${metric}`,
    metric,
    metricValue: value,
  } as const satisfies FoundSignal;
}

/** What counting makes of the signal that was read; others may count at the same time. */
function counted(there: SignalRow, row: SignalRow): SignalRow {
  const { lastSeenAt, updatedAt } = row;
  return {
    ...there,
    occurrences: there.occurrences + 1,
    lastSeenAt,
    metricValue: row.metricValue ?? there.metricValue,
    responseTimeMs: row.responseTimeMs ?? there.responseTimeMs,
    errorRatePercent: row.errorRatePercent ?? there.errorRatePercent,
    downtimeMinutes: row.downtimeMinutes ?? there.downtimeMinutes,
    description: row.description ?? there.description,
    updatedAt,
    version: there.version + 1,
  };
}

/** What a reading waits for: its own sample, and one race lost. What more there is, a doorbell does. */
const ROUNDS_WAITED_FOR = 2;

/** Rules come after the reading: what goes wrong with them is tried again by the job. */
async function evaluate(ctx: TenantCtx): Promise<void> {
  try {
    await evaluateSamples(ctx, ROUNDS_WAITED_FOR);
  } catch (error) {
    ctx.log.error("rules not evaluated", errorFields(error));
    await ringEvaluation(ctx);
  }
}

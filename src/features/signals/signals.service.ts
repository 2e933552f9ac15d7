import type { z } from "zod";
import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { type AuditEntry, commit, type Step } from "../../platform/tenancy/index.ts";
import { ringEvaluation, samplesOf, takeSamples } from "../rules/index.ts";
import { evaluateSamples } from "./evaluate.service.ts";
import type { NewSignal } from "./new-signal.schemas.ts";
import { onceMore } from "./once-more.ts";
import { type NewSignal as Found, type Raising, raise } from "./raise.ts";
import { readRisk, readRiskAnd } from "./risk.repository.ts";
import {
  findSignal,
  keysetFor,
  listSignals,
  type ORDERINGS,
  requireOpen,
  type SignalFilters,
  type SignalRow,
} from "./signals.repository.ts";
import { judge, SLA_KINDS } from "./sla.ts";

type Input = z.output<typeof NewSignal>;
type Reading = Extract<Input, { metric: string }>;
type ByHand = Extract<Input, { severity: unknown }>;
type Report = Exclude<Input, Reading | ByHand>;

/** A signal, and whether it was opened or was open already. */
export interface Opened {
  readonly row: SignalRow;
  readonly isNew: boolean;
}

interface ListQuery extends SignalFilters {
  readonly ordering: (typeof ORDERINGS)[number];
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export function list(ctx: TenantCtx, query: ListQuery): Promise<Page<SignalRow>> {
  const { limit, cursor, ordering, ...filters } = query;
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

/** Opens a signal; a reading of a metric that is open already is counted there. */
export function open(ctx: TenantCtx, input: Input): Promise<Opened> {
  const now = new Date();
  if ("metric" in input) return read(ctx, input, now);
  return "severity" in input ? openByHand(ctx, input, now) : openReport(ctx, input, now);
}

async function openReport(ctx: TenantCtx, report: Report, now: Date): Promise<Opened> {
  const measured = {
    responseTimeMs: report.response_time_ms ?? null,
    errorRatePercent: report.error_rate_percent ?? null,
    downtimeMinutes: report.downtime_minutes ?? null,
  };
  const risk = await readRisk(ctx.db, SLA_KINDS, now);
  const judgement = judge(measured, risk.sla);
  return save(ctx, raise({ source: "sla", occurredAt: now, ...measured, ...judgement }, risk, now));
}

async function openByHand(ctx: TenantCtx, input: ByHand, now: Date): Promise<Opened> {
  const { severity, title, description = null } = input;
  const found = { source: MANUAL, kind: MANUAL, severity, title, description } as const;
  const risk = await readRisk(ctx.db, [MANUAL], now);
  return save(ctx, raise({ ...found, occurredAt: now }, risk, now));
}

const MANUAL = "manual";

async function save(ctx: TenantCtx, { row, steps, audit, ring }: Raising): Promise<Opened> {
  const opened = await commit(ctx, steps, required(audit), { row, isNew: true });
  await ring(ctx);
  return opened;
}

/**
 * Takes a reading in: its signal, and the sample that rules are held against at once. The answer tells
 * whether it was opened, so the commit asks whether what was read still holds.
 */
async function read(ctx: TenantCtx, reading: Reading, now: Date): Promise<Opened> {
  const found = signalOf(reading, now);
  const sample = takeSamples(samplesOf({ [reading.metric]: reading.metric_value }, now));
  const opened = await onceMore(async () => {
    const { risk, there } = await readRiskAnd(ctx.db, [found.kind], found.dedupeKey, now);
    const { row, steps, audit, ring } = raise(found, risk, now);
    const result = there ? { row: counted(there, row), isNew: false } : { row, isNew: true };
    const all: Step[] = [...steps, requireOpen(result.row.id), sample];
    await commit(ctx, all, required(audit), result);
    await ring(ctx);
    return result;
  });
  await evaluate(ctx);
  return opened;
}

function signalOf({ metric, metric_value: value }: Reading, now: Date) {
  return {
    source: "infra",
    kind: `metric:${metric}`,
    severity: "low",
    title: `Reading of ${metric}`,
    description: `${metric} is ${value}.`,
    occurredAt: now,
    dedupeKey: `infra:${metric}`,
    metric,
    metricValue: value,
  } as const satisfies Found;
}

/** What counting makes of the signal that was read; others may count at the same time. */
function counted(there: SignalRow, { lastSeenAt, metricValue, description }: SignalRow): SignalRow {
  return {
    ...there,
    occurrences: there.occurrences + 1,
    lastSeenAt,
    metricValue,
    description,
    updatedAt: lastSeenAt,
    version: there.version + 1,
  };
}

/** Rules come after the reading: what goes wrong with them is tried again by the job. */
async function evaluate(ctx: TenantCtx): Promise<void> {
  try {
    await evaluateSamples(ctx);
  } catch (error) {
    ctx.log.error("rules not evaluated", errorFields(error));
    await ringEvaluation(ctx);
  }
}

function required(audit: readonly AuditEntry[]) {
  return audit as readonly [AuditEntry, ...AuditEntry[]];
}

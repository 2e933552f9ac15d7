import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { ringStream } from "../../platform/stream/stream-client.ts";
import type { AuditEntry, NonEmpty, Step } from "../../platform/tenancy/index.ts";
import { recordFound } from "../events/index.ts";
import type { Severity } from "../rules/index.ts";
import {
  countSignal,
  milderOf,
  noteChange,
  openOf,
  openSignal,
  thisOne,
  toldOf,
  type Which,
} from "./raise.repository.ts";
import type { Risk } from "./risk.repository.ts";
import { riskScore } from "./risk.ts";
import type { SignalRow } from "./signals.repository.ts";
import type { SignalSource } from "./signals.tables.ts";

/** What somebody has to look at, as whoever found it knows it. */
export interface FoundSignal {
  readonly source: SignalSource;
  /** What it is about; those of a kind within the window raise each other's risk. */
  readonly kind: string;
  readonly severity: Severity;
  readonly title: string;
  readonly description?: string | null;
  readonly occurredAt: Date;
  /** Where one of this key is not resolved, no other is opened: it is counted there. */
  readonly dedupeKey?: string | null;
  readonly ruleId?: string | null;
  readonly metric?: string | null;
  readonly metricValue?: number | null;
  readonly responseTimeMs?: number | null;
  readonly errorRatePercent?: number | null;
  readonly downtimeMinutes?: number | null;
}

/** Parts of a commit, and what is to be called after it. */
export interface Part {
  readonly steps: readonly Step[];
  readonly audit: readonly AuditEntry[];
  /** Tells whoever waits to hear of it. Once, after the commit; it fails nothing. */
  readonly ring: (ctx: TenantCtx) => Promise<void>;
}

/** What becomes of a signal: a commit, whose bell tells deliveries and the live stream. */
export interface Becoming extends Part {
  readonly audit: NonEmpty<AuditEntry>;
}

/** A signal that is opened, or counted. */
export interface Raising extends Becoming {
  /** The signal, if it is opened. */
  readonly row: SignalRow;
}

/** Of the events that destinations get. */
const EVENT_SOURCE = "signals";

/**
 * Opens a signal; where one of its key is not resolved, counts it there and makes that one as severe.
 * Destinations are told of critical ones.
 */
export function raise(signal: FoundSignal, risk: Risk, now: Date): Raising {
  const row = newRow(signal, risk, now);
  const { id, source, severity, kind } = row;
  const counting = row.dedupeKey === null ? NOTHING : counted(row, row.dedupeKey, now);
  const opened = openSignal(row);
  const event = severity === "critical" ? told("signal.opened", thisOne(id), now) : NOTHING;
  return {
    row,
    steps: [...counting.steps, opened, noteChange(thisOne(id), "opened", now, id), ...event.steps],
    audit: [
      {
        action: "signal.opened",
        target: id,
        details: { source, severity, kind },
        ...(row.dedupeKey === null ? {} : { whenChanged: opened.as }),
      },
      ...counting.audit,
      ...event.audit,
    ],
    ring: (ctx) => ringAll(ctx, event),
  };
}

/** What it takes to count a signal at the open one of its key, and to make that as severe. */
function counted(row: SignalRow, dedupeKey: string, now: Date): Part {
  const { id, severity } = row;
  const milder = milderOf(dedupeKey, severity);
  const noted = noteChange(milder, "escalated", now, id);
  const event =
    severity === "critical"
      ? told("signal.escalated", milder, now, { severity, updated_at: now.toISOString() })
      : NOTHING;
  const count = countSignal(row, dedupeKey);
  const targetFrom = openOf(dedupeKey);
  return {
    steps: [noted, ...event.steps, count],
    audit: [
      { action: "signal.escalated", targetFrom, details: { severity }, whenChanged: noted.as },
      ...event.audit,
      { action: "signal.counted", targetFrom, whenChanged: count.as, summed: true },
    ],
    ring: event.ring,
  };
}

/** An event for destinations about the signal, as it will be. */
export function told(
  type: string,
  which: Which,
  at: Date,
  becomes: Readonly<Record<string, string>> = {},
): Part {
  return recordFound({ type, source: EVENT_SOURCE, at, found: toldOf(which, becomes) });
}

export const NOTHING: Part = { steps: [], audit: [], ring: async () => {} };

/** Tells all who wait to hear of it. */
export async function ringAll(ctx: TenantCtx, { ring }: Part): Promise<void> {
  await Promise.all([ring(ctx), ringStream(ctx)]);
}

function newRow(signal: FoundSignal, { open, windowMinutes }: Risk, now: Date): SignalRow {
  const { severity, kind, occurredAt } = signal;
  const frequency = (open[kind] ?? 0) + 1;
  const ageMs = now.getTime() - occurredAt.getTime();
  return {
    id: newId("signal"),
    source: signal.source,
    kind,
    severity,
    status: "open",
    title: signal.title,
    description: signal.description ?? null,
    responseTimeMs: signal.responseTimeMs ?? null,
    errorRatePercent: signal.errorRatePercent ?? null,
    downtimeMinutes: signal.downtimeMinutes ?? null,
    metric: signal.metric ?? null,
    metricValue: signal.metricValue ?? null,
    ruleId: signal.ruleId ?? null,
    riskScore: riskScore({ severity, frequency, ageMs, windowMinutes }),
    dedupeKey: signal.dedupeKey ?? null,
    occurrences: 1,
    lastSeenAt: occurredAt,
    assigneeId: null,
    openedAt: now,
    acknowledgedAt: null,
    acknowledgedBy: null,
    resolvedAt: null,
    resolvedBy: null,
    updatedAt: now,
    version: 1,
  };
}

/** A value of a metric, and when it was measured. */
export interface Sample {
  readonly metric: string;
  /** Finite. */
  readonly value: number;
  readonly at: Date;
}

/** What a metric may be called. */
export const METRIC = /^[A-Za-z0-9_.:-]{1,100}$/;

/** So many values one event may bring; the others are no metrics. */
export const MOST_SAMPLES = 50;

/**
 * The metrics that an event brings: the numbers at the top level of its metadata whose names a metric
 * may have. All else in there says nothing that a rule could be held against.
 */
export function samplesOf(metadata: Readonly<Record<string, unknown>>, at: Date): Sample[] {
  const samples: Sample[] = [];
  for (const [metric, value] of Object.entries(metadata)) {
    if (typeof value !== "number" || !Number.isFinite(value) || !METRIC.test(metric)) continue;
    if (samples.push({ metric, value, at }) === MOST_SAMPLES) break;
  }
  return samples;
}

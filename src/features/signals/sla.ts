import type { Severity } from "../rules/index.ts";

/** What the company promises its customers. */
export interface SlaSettings {
  readonly responseTimeMs: number;
  readonly errorRatePercent: number;
  readonly downtimeMinutes: number;
}

/** What was measured, as far as it was. */
export type SlaReport = { readonly [K in keyof SlaSettings]: number | null };

/** What a report means. */
export interface SlaJudgement {
  readonly kind: SlaKind;
  readonly severity: Severity;
  readonly title: string;
  readonly description: string;
}

export const SLA_KINDS = [
  "sla.downtime",
  "sla.response_time",
  "sla.error_rate",
  "sla.within",
] as const;
type SlaKind = (typeof SLA_KINDS)[number];

interface Promised {
  readonly of: keyof SlaSettings;
  readonly kind: SlaKind;
  /** Of a report that breaks it. */
  readonly severity: Severity;
  readonly name: string;
  readonly unit: string;
}

/** The gravest first: the first that is broken says what the report means. */
const PROMISES: readonly Promised[] = [
  {
    of: "downtimeMinutes",
    kind: "sla.downtime",
    severity: "critical",
    name: "Downtime",
    unit: " min",
  },
  {
    of: "responseTimeMs",
    kind: "sla.response_time",
    severity: "high",
    name: "Response time",
    unit: " ms",
  },
  {
    of: "errorRatePercent",
    kind: "sla.error_rate",
    severity: "medium",
    name: "Error rate",
    unit: " %",
  },
];

/** Holds a report against what is promised. Only more than was promised breaks it. */
export function judge(report: SlaReport, promised: SlaSettings): SlaJudgement {
  const broken = PROMISES.find(({ of }) => (report[of] ?? 0) > promised[of]);
  const said = PROMISES.filter(({ of }) => report[of] !== null).map(
    ({ of, name, unit }) => `${name} ${report[of]}${unit}, promised ${promised[of]}${unit}.`,
  );
  return {
    kind: broken?.kind ?? "sla.within",
    severity: broken?.severity ?? "low",
    title: broken ? `${broken.name} over the SLA` : "Within the SLA",
    description: said.join(" "),
  };
}

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
  /** Breaches are told apart; what is within every promise is one signal, and counted there. */
  readonly dedupeKey: string | null;
  /** Kinds of the promises that it shows to be kept: their breaches are over. */
  readonly kept: readonly SlaKind[];
}

export const SLA_KINDS = [
  "sla.downtime",
  "sla.response_time",
  "sla.error_rate",
  "sla.within",
] as const;
export type SlaKind = (typeof SLA_KINDS)[number];

/** Key of the signal that counts reports within every promise. */
export const WITHIN = "sla:within";

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

/** Kinds of the signals that one report opens and another shows to be over. */
export const BREACHES: readonly SlaKind[] = PROMISES.map(({ kind }) => kind);

/** Holds a report against what is promised. Only more than was promised breaks it. */
export function judge(report: SlaReport, promised: SlaSettings): SlaJudgement {
  const isBroken = ({ of }: Promised) => (report[of] ?? 0) > promised[of];
  const told = PROMISES.filter(({ of }) => report[of] !== null);
  const broken = told.find(isBroken);
  const said = told.map(
    ({ of, name, unit }) => `${name} ${report[of]}${unit}, promised ${promised[of]}${unit}.`,
  );
  return {
    kind: broken?.kind ?? "sla.within",
    severity: broken?.severity ?? "low",
    title: broken ? `${broken.name} over the SLA` : "Within the SLA",
    description: said.join(" "),
    dedupeKey: broken ? null : WITHIN,
    kept: told.filter((promise) => !isBroken(promise)).map(({ kind }) => kind),
  };
}

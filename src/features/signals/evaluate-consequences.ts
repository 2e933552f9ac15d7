import type { TenantCtx } from "../../platform/context.ts";
import type { AuditEntry, Step } from "../../platform/tenancy/index.ts";
import { keyOf, type Transition } from "../rules/index.ts";
import { type Counted, countBreaches } from "./evaluate.repository.ts";
import { type Becoming, type FoundSignal, raise } from "./raise.ts";
import { recover } from "./recover.ts";
import { type Risk, readRisk } from "./risk.repository.ts";

type Ring = Becoming["ring"];

interface Consequences {
  readonly steps: Step[];
  readonly audit: AuditEntry[];
  /** To be called once after the commit; missing where nobody has to be told. */
  readonly ring: Ring | undefined;
}

/** What the transitions do to signals: parts of a commit, in their order. */
export async function consequencesOf(
  ctx: TenantCtx,
  transitions: readonly Transition[],
  now: Date,
): Promise<Consequences> {
  const risks = createRisks(await risksOf(ctx, transitions, now));
  const steps: Step[] = [];
  const audit: AuditEntry[] = [];
  const rings: Ring[] = [];
  let counted: Counted[] = [];
  const count = () => {
    if (counted.length > 0) steps.push(countBreaches(counted, steps.length));
    counted = [];
  };
  for (const transition of transitions) {
    if (transition.kind === "counted") {
      counted.push(transition);
      continue;
    }
    count();
    const becoming =
      transition.kind === "opened"
        ? raise(signalOf(transition), risks.next(transition.rule.metric), now)
        : recover(transition.key, now);
    steps.push(...becoming.steps);
    audit.push(...becoming.audit);
    // That of a critical one tells more than others, and that of a recovery tells all.
    const tellsAll = transition.kind === "recovered" || transition.rule.severity === "critical";
    rings[tellsAll ? "unshift" : "push"](becoming.ring);
  }
  count();
  return { steps, audit, ring: rings[0] };
}

type Opened = Extract<Transition, { kind: "opened" }>;

const kindOf = (metric: string) => `metric:${metric}`;

async function risksOf(
  ctx: TenantCtx,
  transitions: readonly Transition[],
  now: Date,
): Promise<Risk | null> {
  const opened = transitions.filter((each): each is Opened => each.kind === "opened");
  const kinds = new Set(opened.map(({ rule }) => kindOf(rule.metric)));
  return kinds.size === 0 ? null : readRisk(ctx.db, [...kinds], now);
}

/** Signals of one commit raise each other's risk too. */
function createRisks(read: Risk | null) {
  const open: Record<string, number> = { ...read?.open };
  return {
    next(metric: string): Risk {
      if (!read) throw new Error("Nothing was to be opened.");
      const kind = kindOf(metric);
      const risk = { ...read, open: { ...open } };
      open[kind] = (open[kind] ?? 0) + 1;
      return risk;
    },
  };
}

function signalOf({ rule, sample }: Opened): FoundSignal {
  const { id, metric, operator, threshold, durationSeconds, severity } = rule;
  const lasting = durationSeconds > 0 ? ` for ${durationSeconds} s` : "";
  const since = new Date(rule.breachedSince ?? sample.at).toISOString();
  return {
    source: "rule",
    kind: kindOf(metric),
    severity,
    title: `${metric} ${operator} ${threshold}${lasting}`,
    description: `${metric} was ${sample.value}; the breach began at ${since}.`,
    occurredAt: new Date(sample.at),
    dedupeKey: keyOf(metric, severity),
    ruleId: id,
    metric,
    metricValue: sample.value,
  };
}

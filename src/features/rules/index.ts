/**
 * Which values of a metric are a signal.
 *
 * The way of a value: `samplesOf` an event -> `takeSamples` (in the commit that takes it in) ->
 * `ringEvaluation` -> `fold`, by the evaluation of signals, which opens and resolves them.
 */
export {
  type Folded,
  fold,
  keyOf,
  type Transition,
  type WaitingSample,
  type WatchingRule,
} from "./fold.ts";
export { EVALUATE, ringEvaluation } from "./ring-evaluation.ts";
export { rulesRouter } from "./rules.routes.ts";
export { MetricName } from "./rules.schemas.ts";
export { metricSamples, SEVERITIES, type Severity, signalRules } from "./rules.tables.ts";
export { hasSamples, takeSamples } from "./samples.repository.ts";
export { MOST_SAMPLES, samplesOf } from "./samples.ts";

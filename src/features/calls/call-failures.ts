import { Failure, type ProblemCode } from "../../platform/problems.ts";

/** The service was not asked at all: its breaker is open, it or we are asked enough already. */
const SPARED: ReadonlySet<ProblemCode> = new Set(["circuit-open", "quota-exceeded", "overloaded"]);
/** It was asked, and gave no answer of use. */
const FAILED: ReadonlySet<ProblemCode> = new Set([
  "downstream-unreachable",
  "downstream-answer",
  "downstream-timeout",
]);

/** Whether a call was not made, so that the service is left in peace. */
export function isSpared(error: unknown): error is Failure {
  return error instanceof Failure && SPARED.has(error.code);
}

/** Whether it is the called service that failed, or that is left in peace: no fault of ours. */
export function isOfService(error: unknown): error is Failure {
  return error instanceof Failure && (FAILED.has(error.code) || SPARED.has(error.code));
}

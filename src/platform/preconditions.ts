import { Failure, type ProblemCode } from "./problems.ts";

/** Versions that `If-Match` accepts; null when the caller set no condition. */
export type IfMatch = readonly number[] | null;

/**
 * RFC 9110, section 13.1.1: the change is made only to the version that the caller has read.
 * @throws Failure `precondition-failed`
 */
export function requireVersion(ifMatch: IfMatch, current: number): void {
  if (ifMatch && !ifMatch.includes(current)) throw new Failure("precondition-failed");
}

/** What a race that is lost after the check means to the caller. */
export function lostRace(ifMatch: IfMatch): ProblemCode {
  return ifMatch ? "precondition-failed" : "conflict";
}

import { createLogger, errorFields } from "../observe/logger.ts";
import { Failure, PROBLEMS, type ProblemKind } from "../problems.ts";
import type { AppContext } from "./context.ts";
import { problemResponse } from "./problem-document.ts";

/**
 * Turns what was thrown into a problem document. A fault of ours is told without its cause; the
 * log has it. One of a system that was called is a note: it may come often, and is nobody's alarm here.
 */
export function onError(error: Error, c: AppContext): Response {
  const failure =
    error instanceof Failure ? error : new Failure("internal-error", undefined, { cause: error });
  const requestId = c.get("requestId") ?? "unknown";
  const { status, ours = true }: ProblemKind = PROBLEMS[failure.code];
  if (status >= 500) {
    // Settings that are not valid throw before there is a logger.
    const log = c.get("log") ?? createLogger({}, { request_id: requestId });
    if (!ours) log.info("called service failed", { code: failure.code });
    else {
      log.error("failed", { code: failure.code, ...errorFields(failure.options.cause ?? failure) });
    }
  }
  return problemResponse(failure.code, {
    detail: failure.message,
    instance: c.req.path,
    requestId,
    retryAfter: failure.options.retryAfter,
    errors: failure.options.errors,
    extensions: failure.options.extensions,
    headers: { ...failure.options.headers, "x-request-id": requestId },
  });
}

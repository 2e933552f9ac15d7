import { createLogger, errorFields } from "../observe/logger.ts";
import { Failure, PROBLEMS } from "../problems.ts";
import type { AppContext } from "./context.ts";
import { problemResponse } from "./problem-document.ts";

/**
 * Turns what was thrown into a problem document. A fault of ours is told without its cause; the
 * log has it.
 */
export function onError(error: Error, c: AppContext): Response {
  const failure =
    error instanceof Failure ? error : new Failure("internal-error", undefined, { cause: error });
  const requestId = c.get("requestId") ?? "unknown";
  if (PROBLEMS[failure.code].status >= 500) {
    // Settings that are not valid throw before there is a logger.
    const log = c.get("log") ?? createLogger({}, { request_id: requestId });
    log.error("failed", { code: failure.code, ...errorFields(failure.options.cause ?? failure) });
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

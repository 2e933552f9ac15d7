import { createLogger, errorFields, type Logger } from "../observe/logger.ts";
import { Failure, PROBLEMS, type ProblemKind } from "../problems.ts";
import type { AppContext } from "./context.ts";
import { problemResponse } from "./problem-document.ts";

/** What is known of the request that has failed. Settings that are not valid throw before there is a logger. */
interface Failed {
  readonly requestId: string;
  readonly log: Logger | undefined;
  readonly path: string;
}

/** Turns what was thrown into a problem document. */
export function onError(error: Error, c: AppContext): Response {
  const requestId = c.get("requestId") ?? "unknown";
  return problemFor(error, { requestId, log: c.get("log"), path: c.req.path });
}

/**
 * The problem document for what was thrown. A fault of ours is told without its cause; the log has it. One
 * of a system that was called is a note: it may come often, and is nobody's alarm here.
 */
export function problemFor(error: Error, { requestId, log, path }: Failed): Response {
  const failure =
    error instanceof Failure ? error : new Failure("internal-error", undefined, { cause: error });
  const { status, ours = true }: ProblemKind = PROBLEMS[failure.code];
  if (status >= 500) {
    const to = log ?? createLogger({}, { request_id: requestId });
    if (!ours) to.info("called service failed", { code: failure.code });
    else {
      to.error("failed", { code: failure.code, ...errorFields(failure.options.cause ?? failure) });
    }
  }
  return problemResponse(failure.code, {
    detail: failure.message,
    instance: path,
    requestId,
    retryAfter: failure.options.retryAfter,
    errors: failure.options.errors,
    extensions: failure.options.extensions,
    headers: { ...failure.options.headers, "x-request-id": requestId },
  });
}

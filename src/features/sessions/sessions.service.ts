import { forgetUser } from "../../platform/access/authenticate.ts";
import type { SignedIn } from "../../platform/context.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { recheckStreams } from "../../platform/stream/stream-client.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { endSession } from "./session-steps.repository.ts";
import { findSession, listSessions, type SessionRow } from "./sessions.repository.ts";

/** The caller's own sessions. */
export function listOwnSessions(
  ctx: SignedIn,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<SessionRow>> {
  const { id } = ctx.principal;
  return paginate(
    ctx,
    { list: "sessions", filters: { user: id }, ...query },
    (after, count) => listSessions(ctx.db, id, after, count),
    (row) => [row.id],
  );
}

/**
 * Ends one of the caller's own sessions.
 * @throws Failure `not-found`
 */
export async function endOwnSession(ctx: SignedIn, sessionId: string): Promise<void> {
  const session = await findSession(ctx.db, ctx.principal.id, sessionId);
  if (!session) throw new Failure("not-found");
  await commit(
    ctx,
    [endSession(sessionId)],
    [{ action: "session.ended", target: sessionId, whenChanged: "sessions.end" }],
  );
  forgetUser(ctx.realm.id, ctx.principal.id);
  await recheckStreams(ctx);
}

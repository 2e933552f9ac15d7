import type { TenantCtx } from "../../platform/context.ts";
import type { Standing } from "../../platform/stream/standing.ts";
import { readChanges, readHead, readStanding } from "./stream.repository.ts";

/** Position of the last change of the tenant's signals; 0 when there was none. */
export function head({ db }: TenantCtx): Promise<number> {
  return readHead(db);
}

/** The first changes after a position, each with its signal as it is now, and the head. */
export function changesAfter({ db }: TenantCtx, position: number, limit: number) {
  return readChanges(db, position, limit);
}

/** What stands for, or against, those who watch in these sessions. */
export function standing({ db }: TenantCtx, sessionIds: readonly string[]): Promise<Standing> {
  return readStanding(db, sessionIds);
}

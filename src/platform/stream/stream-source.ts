import type { Permission } from "../access/permissions.ts";
import type { TenantCtx } from "../context.ts";
import type { StreamItem } from "./protocol.ts";
import type { Standing } from "./standing.ts";

/** Items in their order, and how far there are any. */
export interface Page {
  readonly items: readonly StreamItem[];
  /** Position of the last item that there ever was, as of the same read. */
  readonly head: number;
}

/** Where a live stream gets what it tells. All reads are from the primary. */
export interface StreamSource {
  /** `area.what`, as its lines in the log are named. */
  readonly job: string;
  /** What whoever watches must be permitted. */
  readonly permission: Permission;
  /** Position of the last item that there ever was; 0 when there was none. It never falls. */
  readonly head: (ctx: TenantCtx) => Promise<number>;
  /** The first items after a position, in their order. */
  readonly pull: (ctx: TenantCtx, after: number, limit: number) => Promise<Page>;
  readonly standing: (ctx: TenantCtx, sessionIds: readonly string[]) => Promise<Standing>;
}

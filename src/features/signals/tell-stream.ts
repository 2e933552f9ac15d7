import type { TenantCtx } from "../../platform/context.ts";
import { ringStream } from "../../platform/stream/stream-client.ts";

/**
 * Tells those who watch the tenant live that something has happened to its signals; to be called once
 * after the commit. Never fails: what nobody is told of now, they see within half a minute.
 */
export function tellStream(ctx: TenantCtx): Promise<void> {
  return ringStream(ctx);
}

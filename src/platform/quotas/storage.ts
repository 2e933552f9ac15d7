import type { Ctx } from "../context.ts";
import { overQuota, quotasFor } from "./refusal.ts";
import { sizeOf } from "./sizes.ts";

/**
 * Refuses to add anything to a database that is as large as the plan allows. Costs no trip: what D1
 * tells with every answer is what is asked. All isolates together may add for 5 seconds more than that.
 * @throws Failure `over-quota`
 */
export async function requireStorage(ctx: Ctx): Promise<void> {
  const { storage_bytes: quota } = quotasFor(ctx);
  const used = sizeOf(ctx.realm.id);
  if (quota === null || used === undefined || used < quota) return;
  throw await overQuota(ctx, "storage_bytes", { quota, used });
}

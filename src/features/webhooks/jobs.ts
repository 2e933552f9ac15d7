import type { PlatformCtx } from "../../platform/context.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { visitTenants } from "../../platform/tenancy/index.ts";
import { DEAD_LETTER, receiveDeadLetter } from "./dead-letters.service.ts";
import { drain } from "./drain.service.ts";
import { RETAIN, retain } from "./retain.service.ts";
import { DRAIN } from "./ring-drain.ts";

/** What doorbells call a tenant to. */
export const webhookJobs: readonly QueueJob[] = [
  { ...DRAIN, run: drain },
  { ...RETAIN, run: retain },
  { ...DEAD_LETTER, run: receiveDeadLetter },
];

/** Finds what no doorbell rang for, and leases that have lapsed. */
export function sweep(ctx: PlatformCtx, which: "active" | "all"): Promise<void> {
  return visitTenants(ctx, DRAIN, which);
}

/** Calls every tenant to drop what it has kept long enough. */
export function retainEverywhere(ctx: PlatformCtx): Promise<void> {
  return visitTenants(ctx, RETAIN, "all");
}

import type { PlatformCtx } from "../../platform/context.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { visitTenants } from "../../platform/tenancy/index.ts";
import { deliver } from "./deliver.service.ts";
import type { FindEvent } from "./post.service.ts";
import { RETAIN, retain } from "./retain.service.ts";
import { DELIVER } from "./ring-deliveries.ts";

/** What doorbells call a tenant to. Who records events knows destinations, so it is told how to find one. */
export const destinationJobs = (findEvent: FindEvent): readonly QueueJob[] => [
  {
    ...DELIVER,
    run: (ctx, bell) => deliver(ctx, bell, { findEvent, random: Math.random }),
  },
  { ...RETAIN, run: retain },
];

/** Finds what no doorbell rang for, and leases that have lapsed. */
export function sweepDeliveries(ctx: PlatformCtx, which: "active" | "all"): Promise<void> {
  return visitTenants(ctx, DELIVER, which);
}

/** Calls every tenant to drop the deliveries that it has kept long enough. */
export function retainDeliveries(ctx: PlatformCtx): Promise<void> {
  return visitTenants(ctx, RETAIN, "all");
}

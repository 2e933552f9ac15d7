import type { QueueJob } from "../../platform/jobs/consume.ts";
import type { Schedule } from "../../platform/jobs/schedules.ts";
import { visitTenants } from "../../platform/tenancy/index.ts";
import { DEAD_LETTER, receiveDeadLetter } from "./dead-letters.service.ts";
import { drain } from "./drain.service.ts";
import { RETAIN, retain } from "./retain.service.ts";
import { DRAIN } from "./ring-drain.ts";

/** What doorbells call a tenant to. */
export const webhookJobs: readonly QueueJob[] = [
  { name: DRAIN, queue: "doorbells", run: drain },
  { name: RETAIN, queue: "doorbells", run: retain },
  {
    name: DEAD_LETTER,
    queue: "dead-letters",
    run: (ctx, { item }) => receiveDeadLetter(ctx, item ?? ""),
  },
];

/** The sweeper: it finds what no doorbell rang for, and leases that have lapsed. */
export const webhookSchedules: readonly Schedule[] = [
  { name: "webhooks.sweep", cron: "* * * * *", run: (ctx) => visitTenants(ctx, DRAIN, "active") },
  { name: "webhooks.sweep_all", cron: "0 * * * *", run: (ctx) => visitTenants(ctx, DRAIN, "all") },
  { name: "webhooks.retain", cron: "0 * * * *", run: (ctx) => visitTenants(ctx, RETAIN, "all") },
];

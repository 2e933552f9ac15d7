import type { QueueJob } from "../../platform/jobs/consume.ts";
import type { Schedule } from "../../platform/jobs/schedules.ts";
import { advanceOpen, MIGRATE } from "./advance.service.ts";
import { migrateTarget } from "./target.service.ts";

/** From outside: a tenant whose migration fails could not be entered. */
export const migrationJobs: readonly QueueJob[] = [
  { ...MIGRATE, from: "platform", run: migrateTarget },
];

/** Begins this cell's share of a run, and finds what no bell was heard of. */
export const migrationSchedules: readonly Schedule[] = [
  { name: "migrations.advance", cron: "* * * * *", run: advanceOpen },
];

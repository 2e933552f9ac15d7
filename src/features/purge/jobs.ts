import type { QueueJob } from "../../platform/jobs/consume.ts";
import type { Schedule } from "../../platform/jobs/schedules.ts";
import { ERASE, erasePart, ringPurging } from "./erase.service.ts";

/** From outside: nobody can enter a tenant that is being erased. */
export const purgeJobs: readonly QueueJob[] = [{ ...ERASE, from: "platform", run: erasePart }];

export const purgeSchedules: readonly Schedule[] = [
  { name: "tenants.purge", cron: "* * * * *", run: ringPurging },
];

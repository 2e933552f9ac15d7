import type { Chore } from "../../platform/jobs/chores.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { lookForOld, RETAIN, retain } from "./retain.service.ts";

/** What doorbells call a tenant to. */
export const eventJobs: readonly QueueJob[] = [{ ...RETAIN, run: retain }];

/** What comes round by the clock. */
export const eventChores: readonly Chore[] = [
  { name: RETAIN.name, rounds: ["cleanup", "nightly"], run: lookForOld },
];

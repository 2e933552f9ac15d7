import type { Chore } from "../../platform/jobs/chores.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { DEAD_LETTER, receiveDeadLetter } from "./dead-letters.service.ts";
import { drain, lookForDue } from "./drain.service.ts";
import { RETAIN, retain } from "./retain.service.ts";
import { DRAIN } from "./ring-drain.ts";

/** What doorbells call a tenant to. */
export const webhookJobs: readonly QueueJob[] = [
  { ...DRAIN, run: drain },
  { ...RETAIN, run: retain },
  { ...DEAD_LETTER, run: receiveDeadLetter },
];

/** What is done by the clock. */
export const webhookChores: readonly Chore[] = [
  { name: "webhooks.sweep", rounds: ["sweep", "idle"], run: lookForDue },
  { name: RETAIN.name, rounds: ["cleanup", "nightly"], run: retain },
];

import type { Chore } from "../../platform/jobs/chores.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { decayChores, decayJobs } from "./decay.service.ts";
import { evaluateChores, evaluateJobs } from "./evaluate-jobs.ts";
import { retainChores, retainJobs } from "./retain.service.ts";

/** What doorbells call a tenant to. */
export const signalJobs: readonly QueueJob[] = [...evaluateJobs, ...decayJobs, ...retainJobs];

/** What comes round by the clock. */
export const signalChores: readonly Chore[] = [...evaluateChores, ...decayChores, ...retainChores];

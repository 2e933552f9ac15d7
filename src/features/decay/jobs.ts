import type { Chore } from "../../platform/jobs/chores.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { DECAY, findDecay, lookForReplies } from "./decay.service.ts";

/** What doorbells call a tenant to. */
export const decayJobs: readonly QueueJob[] = [{ ...DECAY, run: findDecay }];

/** What comes round by the clock. */
export const decayChores: readonly Chore[] = [
  { name: DECAY.name, rounds: ["nightly"], run: lookForReplies },
];

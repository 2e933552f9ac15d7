import type { Chore } from "../../platform/jobs/chores.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { EVALUATE } from "../rules/index.ts";
import { evaluateSamples, lookForSamples } from "./evaluate.service.ts";

/** What doorbells call a tenant to. */
export const evaluateJobs: readonly QueueJob[] = [{ ...EVALUATE, run: evaluateSamples }];

/** What comes round by the clock. */
export const evaluateChores: readonly Chore[] = [
  { name: "signals.look_for_samples", rounds: ["sweep", "idle"], run: lookForSamples },
];

import type { Chore } from "../../platform/jobs/chores.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { EVALUATE } from "../rules/index.ts";
import { evaluateSamples, lookForSamples } from "./evaluate.service.ts";
import { lookForOld, RETAIN, retain } from "./retain.service.ts";

/** What doorbells call a tenant to. */
export const signalJobs: readonly QueueJob[] = [
  { ...EVALUATE, run: (ctx) => evaluateSamples(ctx) },
  { ...RETAIN, run: retain },
];

/** What comes round by the clock. */
export const signalChores: readonly Chore[] = [
  { name: "signals.look_for_samples", rounds: ["sweep", "idle"], run: lookForSamples },
  { name: RETAIN.name, rounds: ["cleanup", "nightly"], run: lookForOld },
];

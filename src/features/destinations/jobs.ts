import type { Chore } from "../../platform/jobs/chores.ts";
import type { QueueJob } from "../../platform/jobs/consume.ts";
import { deliver, lookForDue } from "./deliver.service.ts";
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

/** What is done by the clock. */
export const destinationChores: readonly Chore[] = [
  { name: "destinations.sweep", rounds: ["sweep", "idle"], run: lookForDue },
  { name: RETAIN.name, rounds: ["cleanup", "nightly"], run: retain },
];

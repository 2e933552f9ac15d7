/** The Worker's jobs with another handler of events. */
import { drain } from "../../src/features/webhooks/drain.service.ts";
import { HANDLERS } from "../../src/features/webhooks/handlers.ts";
import { handlerFor, type WebhookHandler } from "../../src/features/webhooks/handling.ts";
import { DRAIN } from "../../src/features/webhooks/ring-drain.ts";
import type { QueueJob } from "../../src/platform/jobs/consume.ts";
import { queueJobs } from "../../src/registry.ts";
import type { Random } from "./random.ts";

type Handle = WebhookHandler["handle"];

/** What the Worker itself does with an event. */
export const handleAsUsual: Handle = (ctx, event) => {
  const handler = handlerFor(HANDLERS, event.type);
  if (!handler) throw new Error(`Nothing handles ${event.type}.`);
  return handler.handle(ctx, event);
};

/** All jobs, but with this handler for every event, and pauses that this luck decides. */
export function jobsWith(handle: Handle, random: Random): QueueJob[] {
  const options = { handlers: [{ types: "*", handle }], random: random.next };
  return queueJobs.map((job) =>
    job.name === DRAIN.name ? { ...DRAIN, run: (ctx, bell) => drain(ctx, bell, options) } : job,
  );
}

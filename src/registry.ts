import { actorsRouter } from "./features/actors/index.ts";
import { archivesRouter, importsRouter } from "./features/archives/index.ts";
import { auditRouter } from "./features/audit/index.ts";
import { authRouter } from "./features/auth/index.ts";
import { breakersRouter, callsRouter } from "./features/calls/index.ts";
import { cellsRouter } from "./features/cells/index.ts";
import { decayChores, decayJobs } from "./features/decay/index.ts";
import {
  deliveriesRouter,
  destinationChores,
  destinationJobs,
  destinationsRouter,
} from "./features/destinations/index.ts";
import { eventChores, eventJobs, eventsRouter, findEvent } from "./features/events/index.ts";
import { healthRouter } from "./features/health/index.ts";
import { integrationChores } from "./features/integrations/index.ts";
import { jobsRouter } from "./features/jobs/index.ts";
import { keyChores, keysRouter } from "./features/keys/index.ts";
import {
  migrationJobs,
  migrationSchedules,
  migrationsRouter,
} from "./features/migrations/index.ts";
import { purgeJobs, purgeRouter, purgeSchedules } from "./features/purge/index.ts";
import { registrationRouter, seedTenant } from "./features/registration/index.ts";
import { rulesRouter } from "./features/rules/index.ts";
import { servicesRouter } from "./features/services/index.ts";
import { sessionsRouter } from "./features/sessions/index.ts";
import { streamRouter } from "./features/signal-stream/index.ts";
import { signalChores, signalJobs, signalsRouter } from "./features/signals/index.ts";
import { statsRouter } from "./features/stats/index.ts";
import { currentTenantRouter, syncStates, tenantsRouter } from "./features/tenants/index.ts";
import { usageChores, usageRouter } from "./features/usage/index.ts";
import { usersRouter } from "./features/users/index.ts";
import {
  inspectRouter,
  receiveRouter,
  rejectionsRouter,
  replayRouter,
  webhookChores,
  webhookJobs,
} from "./features/webhooks/index.ts";
import type { Router } from "./platform/http/router.ts";
import type { Chore } from "./platform/jobs/chores.ts";
import type { QueueJob } from "./platform/jobs/consume.ts";
import { pruneRuns } from "./platform/jobs/prune.ts";
import { roundJobs, roundSchedules } from "./platform/jobs/rounds.ts";
import type { Schedule } from "./platform/jobs/schedules.ts";
import { resumeProvisioning } from "./platform/tenancy/index.ts";

/** Routers below `/api/v1`. A new feature is a folder and a line here. */
export const routers: readonly Router[] = [
  authRouter,
  sessionsRouter,
  registrationRouter,
  usersRouter,
  currentTenantRouter,
  usageRouter,
  tenantsRouter,
  archivesRouter,
  importsRouter,
  purgeRouter,
  cellsRouter,
  auditRouter,
  jobsRouter,
  migrationsRouter,
  servicesRouter,
  callsRouter,
  breakersRouter,
  actorsRouter,
  eventsRouter,
  // Their `/signals/metrics` and `/signals/stream` stand before the ids of signals.
  statsRouter,
  streamRouter,
  signalsRouter,
  rulesRouter,
  destinationsRouter,
  deliveriesRouter,
  // Fixed paths stand before the slugs of services.
  inspectRouter,
  replayRouter,
  rejectionsRouter,
  receiveRouter,
];

/** Routers outside `/api/v1`: what operators' tools and standards expect at the root. */
export const rootRouters: readonly Router[] = [healthRouter, keysRouter];

/** Work by the clock; each cron stands in `wrangler.toml` too. */
export const schedules: readonly Schedule[] = [
  {
    name: "provisioning.resume",
    cron: "* * * * *",
    run: (ctx) => resumeProvisioning(ctx, seedTenant),
  },
  { name: "tenants.sync_state", cron: "* * * * *", run: syncStates },
  ...purgeSchedules,
  ...migrationSchedules,
  { name: "jobs.prune", cron: "0 * * * *", run: pruneRuns },
  ...roundSchedules,
];

/** Work at each tenant by the clock, in this order; each names its rounds. */
export const chores: readonly Chore[] = [
  ...webhookChores,
  ...destinationChores,
  ...eventChores,
  ...keyChores,
  ...signalChores,
  ...decayChores,
  ...integrationChores,
  ...usageChores,
];

/** Work that doorbells call a tenant to. */
export const queueJobs: readonly QueueJob[] = [
  ...webhookJobs,
  ...destinationJobs(findEvent),
  ...eventJobs,
  ...signalJobs,
  ...decayJobs,
  ...migrationJobs,
  ...purgeJobs,
  ...roundJobs(chores),
];

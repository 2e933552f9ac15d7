import { auditRouter } from "./features/audit/index.ts";
import { authRouter } from "./features/auth/index.ts";
import { breakersRouter, callsRouter } from "./features/calls/index.ts";
import {
  deliveriesRouter,
  destinationJobs,
  destinationsRouter,
  retainDeliveries,
  sweepDeliveries,
} from "./features/destinations/index.ts";
import { eventsRouter, findEvent } from "./features/events/index.ts";
import { healthRouter } from "./features/health/index.ts";
import { keysRouter } from "./features/keys/index.ts";
import { registrationRouter, seedTenant } from "./features/registration/index.ts";
import { servicesRouter } from "./features/services/index.ts";
import { sessionsRouter } from "./features/sessions/index.ts";
import { currentTenantRouter, syncStates, tenantsRouter } from "./features/tenants/index.ts";
import { usersRouter } from "./features/users/index.ts";
import {
  inspectRouter,
  receiveRouter,
  rejectionsRouter,
  replayRouter,
  retainEverywhere,
  sweep,
  webhookJobs,
} from "./features/webhooks/index.ts";
import type { Router } from "./platform/http/router.ts";
import type { QueueJob } from "./platform/jobs/consume.ts";
import type { Schedule } from "./platform/jobs/schedules.ts";
import { resumeProvisioning } from "./platform/tenancy/index.ts";

/** Routers below `/api/v1`. A new feature is a folder and a line here. */
export const routers: readonly Router[] = [
  authRouter,
  sessionsRouter,
  registrationRouter,
  usersRouter,
  currentTenantRouter,
  tenantsRouter,
  auditRouter,
  servicesRouter,
  callsRouter,
  breakersRouter,
  eventsRouter,
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
  { name: "webhooks.sweep", cron: "* * * * *", run: (ctx) => sweep(ctx, "active") },
  { name: "webhooks.sweep_all", cron: "0 * * * *", run: (ctx) => sweep(ctx, "all") },
  { name: "webhooks.retain", cron: "0 * * * *", run: retainEverywhere },
  { name: "destinations.sweep", cron: "* * * * *", run: (ctx) => sweepDeliveries(ctx, "active") },
  { name: "destinations.sweep_all", cron: "0 * * * *", run: (ctx) => sweepDeliveries(ctx, "all") },
  { name: "destinations.retain", cron: "0 * * * *", run: retainDeliveries },
];

/** Work that doorbells call a tenant to. */
export const queueJobs: readonly QueueJob[] = [...webhookJobs, ...destinationJobs(findEvent)];

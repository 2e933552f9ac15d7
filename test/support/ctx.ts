import { type Bindings, settingsOf } from "../../src/env.ts";
import type { PlatformCtx, TenantCtx } from "../../src/platform/context.ts";
import { newId } from "../../src/platform/ids.ts";
import { createQueues } from "../../src/platform/jobs/queues.ts";
import { createObjects } from "../../src/platform/objects.ts";
import { createLogger } from "../../src/platform/observe/logger.ts";
import { createMeter } from "../../src/platform/observe/meter.ts";
import {
  createTenancy,
  enterTenant,
  jobScope,
  platformCtx,
} from "../../src/platform/tenancy/index.ts";
import { bindings } from "./worker.ts";

/** A context on the platform's own realm, as a job has it. */
export function jobCtx(env: Bindings = bindings): PlatformCtx {
  const settings = settingsOf(env);
  const log = createLogger({ level: settings.LOG_LEVEL });
  const meter = createMeter();
  const tenancy = createTenancy({
    env,
    settings,
    log,
    meter,
    queues: createQueues(env, meter),
    objects: createObjects(env, meter),
    readOnly: false,
    bookmark: null,
  });
  return platformCtx(jobScope(tenancy, "test", newId("request")));
}

/** A context inside a tenant, as a job has it. */
export function tenantCtx(slug: string, env: Bindings = bindings): Promise<TenantCtx> {
  return enterTenant(jobCtx(env), slug);
}

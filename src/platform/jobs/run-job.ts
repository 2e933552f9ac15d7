import { type Bindings, settingsOf } from "../../env.ts";
import { principalName } from "../access/principal.ts";
import type { Ctx } from "../context.ts";
import { newId } from "../ids.ts";
import { createObjects } from "../objects.ts";
import { createLogger, errorFields } from "../observe/logger.ts";
import { createMeter, tripFields } from "../observe/meter.ts";
import { traceIdOf } from "../observe/trace.ts";
import { createTenancy, jobScope, type RequestScope } from "../tenancy/index.ts";
import { createQueues } from "./queues.ts";

/**
 * Runs one job in a scope of its own and writes its line to the log.
 * @param enter opens the realm that the job works in
 * @returns what it failed with, after that was logged; null when it did its work
 */
export async function runJob<C extends Ctx>(
  env: Bindings,
  name: string,
  enter: (scope: RequestScope) => C | Promise<C>,
  run: (ctx: C) => Promise<void>,
): Promise<{ readonly error: unknown } | null> {
  const settings = settingsOf(env);
  const requestId = newId("request");
  const log = createLogger(
    { level: settings.LOG_LEVEL, redaction: settings.LOG_REDACTION === "on" },
    { request_id: requestId, trace_id: traceIdOf(undefined), job: name },
  );
  const meter = createMeter();
  const queues = createQueues(env, meter);
  const objects = createObjects(env, meter);
  const startedAt = Date.now();
  const tenancy = createTenancy({
    env,
    settings,
    log,
    meter,
    queues,
    objects,
    readOnly: false,
    bookmark: null,
  });
  const scope = jobScope(tenancy, name, requestId);
  let tenant: string | null = null;
  let failed: { readonly error: unknown } | null = null;
  try {
    const ctx = await enter(scope);
    tenant = ctx.realm.slug;
    await run(ctx);
  } catch (error) {
    failed = { error };
    log.error("job failed", errorFields(error));
  }
  log.info("job", {
    tenant,
    principal: principalName(scope.principal),
    status: failed ? "failed" : "ok",
    duration_ms: Date.now() - startedAt,
    ...tripFields(meter),
  });
  return failed;
}

import { type Bindings, settingsOf } from "../../env.ts";
import { principalName } from "../access/principal.ts";
import type { PlatformCtx } from "../context.ts";
import { newId } from "../ids.ts";
import { createLogger, errorFields } from "../observe/logger.ts";
import { createMeter, tripFields } from "../observe/meter.ts";
import { traceIdOf } from "../observe/trace.ts";
import { createTenancy, jobScope, platformCtx } from "../tenancy/index.ts";

/** Work that a Cron Trigger starts. */
export interface Schedule {
  /** `area.what`, as logs and audit rows name it. */
  readonly name: string;
  /** One of the crons of `wrangler.toml`. */
  readonly cron: string;
  readonly run: (ctx: PlatformCtx) => Promise<void>;
}

/**
 * Runs the schedules of a cron, one after the other. One that fails is logged and does not stop
 * the others; in the end the invocation fails, so that the platform's own figures show it.
 */
export async function runSchedules(
  schedules: readonly Schedule[],
  cron: string,
  env: Bindings,
): Promise<void> {
  const settings = settingsOf(env);
  const failures: unknown[] = [];
  for (const { name, run } of schedules.filter((schedule) => schedule.cron === cron)) {
    const requestId = newId("request");
    const log = createLogger(
      { level: settings.LOG_LEVEL, redaction: settings.LOG_REDACTION === "on" },
      { request_id: requestId, trace_id: traceIdOf(undefined), job: name },
    );
    const meter = createMeter();
    const startedAt = Date.now();
    const tenancy = createTenancy({ env, settings, log, meter, readOnly: false, bookmark: null });
    const ctx = platformCtx(jobScope(tenancy, name, requestId));
    let status = "ok";
    try {
      await run(ctx);
    } catch (error) {
      status = "failed";
      failures.push(error);
      log.error("job failed", errorFields(error));
    }
    log.info("job", {
      tenant: ctx.realm.slug,
      principal: principalName(ctx.principal),
      status,
      duration_ms: Date.now() - startedAt,
      ...tripFields(meter),
    });
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} jobs failed`);
}

import type { Bindings } from "../../env.ts";
import type { PlatformCtx } from "../context.ts";
import { platformCtx } from "../tenancy/index.ts";
import { runJob } from "./run-job.ts";

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
  const failures: unknown[] = [];
  for (const { name, run } of schedules.filter((schedule) => schedule.cron === cron)) {
    const failed = await runJob(env, name, platformCtx, run);
    if (failed) failures.push(failed.error);
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} jobs failed`);
}

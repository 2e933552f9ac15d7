/** How long runs stay in the log. */
import { beforeEach, expect, it } from "vitest";
import { idFrom, newId } from "../../../src/platform/ids.ts";
import { pruneRuns } from "../../../src/platform/jobs/prune.ts";
import { DAY, standingClock } from "../../support/clock.ts";
import { jobCtx } from "../../support/ctx.ts";
import { countingDeployment, emptyRegistry, failures } from "../../support/rounds.ts";
import { bindings, firstValue } from "../../support/worker.ts";

standingClock();
beforeEach(emptyRegistry);

/** Runs of one age, with a failed tenant each. */
async function log(count: number, status: string, age: number): Promise<void> {
  const start = idFrom("jobRun", new Date(Date.now() - age)).slice(0, -16);
  const ids = Array.from({ length: count }, () => start + newId("jobRun").slice(-16));
  const list = JSON.stringify(ids);
  await bindings.CONTROL_DB.batch([
    bindings.CONTROL_DB.prepare(
      `INSERT INTO job_runs (id, name, status, started_at, done, failed)
      SELECT value, 't.work', ?2, 0, 0, 0 FROM json_each(?1)`,
    ).bind(list, status),
    bindings.CONTROL_DB.prepare(
      `INSERT INTO job_failures (run_id, tenant_id, slug, chores, error, tries, failed_at)
      SELECT value, 'tenant_x', 'x', '[]', 'Error', 1, 0 FROM json_each(?1)`,
    ).bind(list),
  ]);
}

const left = () => firstValue<number>(bindings.CONTROL_DB, "SELECT count(*) FROM job_runs");

it("a week, or a month where they have failed; their failures go with them", async () => {
  await log(2, "done", 7 * DAY + 1);
  await log(3, "done", 7 * DAY);
  await log(5, "failed", 30 * DAY + 1);
  await log(7, "failed", 30 * DAY);
  await log(11, "running", 40 * DAY);
  await pruneRuns(jobCtx());
  expect(await left()).toBe(3 + 7 + 11);
  expect(await failures()).toHaveLength(3 + 7 + 11);
});

it("until a run drops them, 500 in a commit and 5,000 at most", async () => {
  await log(5_200, "done", 8 * DAY);
  const { env, trips } = countingDeployment();
  await pruneRuns(jobCtx(env));
  expect(trips["control batch"]).toBe(10);
  expect(await left()).toBe(200);
  await pruneRuns(jobCtx(env));
  expect(await left()).toBe(0);
});

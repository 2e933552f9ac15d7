import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";
import { RUN_STATUSES } from "../../platform/jobs/job-runs.tables.ts";

const figure = (example: number) => z.number().int().min(0).openapi({ example });
const kind = (example: string) => z.string().openapi({ example });
const status = z.enum(RUN_STATUSES).openapi({ example: "done" });

export const JobRun = z
  .object({
    id: id("jobRun"),
    name: z.string().openapi({ example: "rounds.nightly" }),
    status: status.describe(
      "`running` until every tenant was heard of; `failed` when the schedule or a tenant failed.",
    ),
    started_at: Time,
    finished_at: Time.nullable(),
    tenants: figure(1_000).nullable().describe("Tenants that were called; null where none is."),
    done: figure(999).describe("Of those, how many have done all of it."),
    failed: figure(1).describe("How many have failed at some of it, until a later try succeeds."),
    attempt: figure(1).describe("Above 1 where it goes on with a run that was broken off."),
    resumes: id("jobRun").nullable().describe("The run that it goes on with."),
    resume_after: id("tenant").nullable().describe("The last tenant that a broken run has called."),
    error: kind("database-unavailable")
      .nullable()
      .describe(
        "What broke it off. `abandoned`: nobody ended it. `unheard`: two hours later some tenants were not heard of.",
      ),
    cell: kind("main").nullable().describe("The cell whose crons it was."),
  })
  .openapi("JobRun");

const JobFailure = z
  .object({
    tenant_id: id("tenant"),
    slug: z.string().openapi({ example: "acme" }),
    chores: z
      .array(z.string())
      .openapi({ example: ["webhooks.sweep"] })
      .describe("What failed there; none where its database could not be entered."),
    error: kind("database-unavailable").describe(
      "Kind of the last fault; its cause is in the log.",
    ),
    tries: figure(2),
    failed_at: Time,
  })
  .openapi("JobFailure");

export const JobRunDetails = JobRun.extend({
  failures: z.array(JobFailure).describe("Tenants that are failed now, the first 100."),
}).openapi("JobRunDetails");

export const JobRunPage = pageOf(JobRun, "JobRunPage");

export const JobRunQuery = strictQuery({
  ...pageQuery,
  name: z
    .string()
    .max(100)
    .optional()
    .openapi({ description: "Runs of this schedule.", example: "rounds.nightly" }),
  status: status.optional().openapi({ description: "Runs that stand so." }),
});

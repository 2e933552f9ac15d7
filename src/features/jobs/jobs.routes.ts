import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { presentDetails, presentRun } from "./jobs.present.ts";
import { JobRunDetails, JobRunPage, JobRunQuery } from "./jobs.schemas.ts";
import * as jobs from "./jobs.service.ts";

const TAG = "Jobs";

export const jobsRouter = createRouter();

mount(
  jobsRouter,
  endpoint({
    method: "get",
    path: "/jobs",
    operationId: "listJobRuns",
    summary: "Runs of what the clock starts",
    description: "Kept for 7 days, failed ones for 30.",
    tag: TAG,
    doors: "platform",
    access: "jobs:read",
    query: JobRunQuery,
    response: { status: 200, description: "Runs, newest first.", schema: JobRunPage },
  }),
  {
    handle: (ctx, { query }) => jobs.list(ctx, query),
    present: ({ items, nextCursor }) => ({
      body: { data: items.map(presentRun), next_cursor: nextCursor },
    }),
  },
);

mount(
  jobsRouter,
  endpoint({
    method: "get",
    path: "/jobs/{id}",
    operationId: "getJobRun",
    summary: "One run, with the tenants that it failed at",
    tag: TAG,
    doors: "platform",
    access: "jobs:read",
    params: idParams("jobRun"),
    response: { status: 200, description: "The run.", schema: JobRunDetails },
  }),
  {
    handle: (ctx, { params }) => jobs.get(ctx, params.id),
    present: (run) => ({ body: presentDetails(run) }),
  },
);

import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { presentDetails, presentRun } from "./migrations.present.ts";
import {
  Migration,
  MigrationDetails,
  MigrationPage,
  MigrationQuery,
  NewMigration,
} from "./migrations.schemas.ts";
import * as migrations from "./migrations.service.ts";

const TAG = "Migrations";

export const migrationsRouter = createRouter();

mount(
  migrationsRouter,
  endpoint({
    method: "get",
    path: "/migrations",
    operationId: "listMigrations",
    summary: "Migrations of the fleet",
    tag: TAG,
    doors: "platform",
    access: "migrations:read",
    query: MigrationQuery,
    response: { status: 200, description: "Runs, newest first.", schema: MigrationPage },
  }),
  {
    handle: (ctx, { query }) => migrations.list(ctx, query),
    present: ({ items, nextCursor }) => ({
      body: { data: items.map(presentRun), next_cursor: nextCursor },
    }),
  },
);

mount(
  migrationsRouter,
  endpoint({
    method: "post",
    path: "/migrations",
    operationId: "startMigration",
    summary: "Migrate all tenants to the schema of this release",
    description:
      "The canary first, if one is named; the others when it has succeeded. Tenants that are active " +
      "or suspended and behind are migrated; one that fails stops no other. One run is open at a time.",
    tag: TAG,
    doors: "platform",
    access: "migrations:write",
    body: NewMigration,
    response: {
      status: 202,
      description: "The run has begun; its address tells how far it is.",
      schema: Migration,
      headers: ["Location"],
    },
    problems: ["migration-running"],
  }),
  {
    handle: (ctx, { body }) => migrations.start(ctx, body),
    present: (run) => ({ body: presentRun(run), location: `/migrations/${run.id}` }),
  },
);

mount(
  migrationsRouter,
  endpoint({
    method: "get",
    path: "/migrations/{id}",
    operationId: "getMigration",
    summary: "One run, how far it is, and the tenants that it failed at",
    tag: TAG,
    doors: "platform",
    access: "migrations:read",
    params: idParams("migration"),
    response: { status: 200, description: "The run.", schema: MigrationDetails },
  }),
  {
    handle: (ctx, { params }) => migrations.get(ctx, params.id),
    present: (run) => ({ body: presentDetails(run) }),
  },
);

mount(
  migrationsRouter,
  endpoint({
    method: "post",
    path: "/migrations/{id}/resume",
    operationId: "resumeMigration",
    summary: "Try the failed tenants of a run again",
    description:
      "A run that its canary has halted tries the canary again, and goes on when it succeeds.",
    tag: TAG,
    doors: "platform",
    access: "migrations:write",
    params: idParams("migration"),
    response: { status: 202, description: "The run goes on.", schema: Migration },
    problems: ["migration-state", "migration-running", "conflict"],
  }),
  {
    handle: (ctx, { params }) => migrations.resume(ctx, params.id),
    present: (run) => ({ body: presentRun(run) }),
  },
);

mount(
  migrationsRouter,
  endpoint({
    method: "post",
    path: "/migrations/{id}/cancel",
    operationId: "cancelMigration",
    summary: "Halt a run",
    description:
      "Whoever is not migrated yet counts as failed; the run can be resumed. For a run that waits for a cell which is down.",
    tag: TAG,
    doors: "platform",
    access: "migrations:write",
    params: idParams("migration"),
    response: { status: 200, description: "The run, which is over.", schema: Migration },
    problems: ["conflict"],
  }),
  {
    handle: (ctx, { params }) => migrations.cancel(ctx, params.id),
    present: (run) => ({ body: presentRun(run) }),
  },
);

import { endpoint } from "../../platform/http/endpoint.ts";
import { NDJSON, streamOf } from "../../platform/http/ndjson.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { ExportQuery } from "./archives.schemas.ts";
import { exportTenant } from "./export.service.ts";

export const archivesRouter = createRouter();

mount(
  archivesRouter,
  endpoint({
    method: "get",
    path: "/tenants/{id}/export",
    operationId: "exportTenant",
    summary: "Take out all data of a tenant",
    description:
      "An archive as lines of JSON: a header, every row of every table, a manifest with counts and " +
      "checksums. The tenant is suspended or deactivated, or stands still for a move. If it changed " +
      "meanwhile, the last line is an `error` instead of a manifest. A large archive takes several " +
      "requests: where the last line is `next`, ask again with it as `after`, and leave that line out. " +
      "Written to both audit logs before the first row leaves.",
    tag: "Tenants",
    doors: "platform",
    access: "tenants:export",
    params: idParams("tenant"),
    query: ExportQuery,
    response: { status: 200, description: "The archive.", stream: NDJSON },
    problems: [
      "invalid-cursor",
      "tenant-state",
      "misdirected",
      "outcome-unknown",
      "tenant-provisioning",
    ],
  }),
  {
    handle: (ctx, { params, query }) => exportTenant(ctx, params.id, query),
    present: (lines) => ({ stream: streamOf(lines) }),
  },
);

import { endpoint } from "../../platform/http/endpoint.ts";
import { NDJSON, readLines } from "../../platform/http/ndjson.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { TenantSummary } from "../registration/index.ts";
import { abandonImport } from "./abandon.service.ts";
import {
  ArchiveManifest,
  CompleteQuery,
  ImportPage,
  ImportParams,
  ImportQuery,
  NewImport,
  PartParams,
  TenantImport,
} from "./archives.schemas.ts";
import { beginImport } from "./begin.service.ts";
import { completeImport } from "./complete.service.ts";
import { presentImport } from "./imports.present.ts";
import { getImport, list } from "./imports.service.ts";
import { takePart } from "./part.service.ts";
import { SeedArchive } from "./seed.schemas.ts";
import { importSeed } from "./seed.service.ts";

/** Largest part: a row of 2 MB, the most that a database takes, with what JSON adds to it. */
const PART_BYTES = 8_000_000;

const TAG = "Tenants";
const ACCESS = "tenants:import";

export const importsRouter = createRouter();

mount(
  importsRouter,
  endpoint({
    method: "post",
    path: "/tenants/imports",
    operationId: "beginImport",
    summary: "Begin to bring in a tenant, or to move one",
    description:
      "A tenant that is not known here is made, with the id and the slug of its archive. One that is " +
      "here moves to a fresh database; it stands still from now on, and its door answers 503. Asked " +
      "again, it names the import that is open.",
    tag: TAG,
    doors: "platform",
    access: ACCESS,
    idempotency: "off",
    body: NewImport,
    response: {
      status: 200,
      description: "The import that is open now: send its parts.",
      schema: TenantImport,
      headers: ["Location"],
    },
    problems: [
      "archive-invalid",
      "import-state",
      "tenant-state",
      "not-found",
      "conflict",
      "slug-taken",
      "slug-reserved",
      "pool-exhausted",
      "misdirected",
    ],
  }),
  {
    handle: (ctx, { body }) => beginImport(ctx, body),
    present: (row) => ({
      body: presentImport(row),
      location: `/tenants/${row.tenantId}/imports/${row.id}`,
    }),
  },
);

mount(
  importsRouter,
  endpoint({
    method: "post",
    path: "/tenants/imports/seed",
    operationId: "importSeed",
    summary: "Make a tenant from another system's people",
    description:
      "People keep their passwords: bcrypt hashes are taken as they are and made anew at the first " +
      "sign-in.",
    tag: TAG,
    doors: "platform",
    access: ACCESS,
    idempotency: "off",
    body: SeedArchive,
    response: {
      status: 201,
      description: "The new tenant.",
      schema: TenantSummary,
      headers: ["Location"],
    },
    problems: ["slug-reserved", "slug-taken", "pool-exhausted", "misdirected"],
  }),
  {
    handle: (ctx, { body }) => importSeed(ctx, body),
    present: (tenant) => ({ body: tenant, location: `/tenants/${tenant.id}` }),
  },
);

mount(
  importsRouter,
  endpoint({
    method: "get",
    path: "/tenants/{id}/imports",
    operationId: "listImports",
    summary: "A tenant's imports and moves",
    description: "A tenant has one open at most, which is receiving or verified.",
    tag: TAG,
    doors: "platform",
    access: ACCESS,
    params: idParams("tenant"),
    query: ImportQuery,
    response: { status: 200, description: "Imports, newest first.", schema: ImportPage },
  }),
  {
    handle: (ctx, { params, query }) => list(ctx, params.id, query),
    present: ({ items, nextCursor }) => ({
      body: { data: items.map(presentImport), next_cursor: nextCursor },
    }),
  },
);

mount(
  importsRouter,
  endpoint({
    method: "get",
    path: "/tenants/{id}/imports/{import}",
    operationId: "getImport",
    summary: "How far an import is",
    tag: TAG,
    doors: "platform",
    access: ACCESS,
    params: ImportParams,
    response: { status: 200, description: "The import.", schema: TenantImport },
  }),
  {
    handle: (ctx, { params }) => getImport(ctx, params),
    present: (row) => ({ body: presentImport(row) }),
  },
);

mount(
  importsRouter,
  endpoint({
    method: "put",
    path: "/tenants/{id}/imports/{import}/parts/{part}",
    operationId: "putImportPart",
    summary: "Send a part of an archive",
    description:
      "Whole lines of the archive between its header and its manifest, in their order; 1 MB is a good " +
      "size, 8 MB the most. Parts are numbered from 1 and taken in one after the other; one that was " +
      "taken in already is left as it is.",
    tag: TAG,
    doors: "platform",
    access: ACCESS,
    idempotency: "off",
    params: PartParams,
    raw: {
      description: "Lines of the archive. `Content-Digest` (RFC 9530) holds their SHA-256.",
      mediaTypes: [NDJSON],
    },
    response: { status: 200, description: "The import.", schema: TenantImport },
    problems: [
      "malformed-request",
      "malformed-json",
      "unsupported-media-type",
      "content-too-large",
      "archive-invalid",
      "import-state",
      "conflict",
      "misdirected",
    ],
  }),
  {
    handle: async (ctx, { params, raw }) => takePart(ctx, params, await readLines(raw, PART_BYTES)),
    present: (row) => ({ body: presentImport(row) }),
  },
);

mount(
  importsRouter,
  endpoint({
    method: "post",
    path: "/tenants/{id}/imports/{import}/complete",
    operationId: "completeImport",
    summary: "Let the tenant live in what was imported",
    description:
      "The body is the manifest of the archive. Counts and checksums are computed anew from the " +
      "database, for as long as one request may take: 202 wants the same again, until it is 200. A new " +
      "tenant is active then; one that has moved is what it was before.",
    tag: TAG,
    doors: "platform",
    access: ACCESS,
    idempotency: "off",
    params: ImportParams,
    query: CompleteQuery,
    body: ArchiveManifest,
    response: {
      status: 200,
      description: "The import, done.",
      also: { 202: "How far it is: ask again." },
      schema: TenantImport,
    },
    problems: ["archive-invalid", "import-state", "tenant-state", "conflict", "misdirected"],
  }),
  {
    handle: (ctx, { params, query, body }) => completeImport(ctx, params, body, query.pages),
    present: (row) => ({ status: row.state === "done" ? 200 : 202, body: presentImport(row) }),
  },
);

mount(
  importsRouter,
  endpoint({
    method: "delete",
    path: "/tenants/{id}/imports/{import}",
    operationId: "abandonImport",
    summary: "Give up an import",
    description:
      "Its database is retired. A moving tenant goes back to where and what it was; a new one is gone, " +
      "and may be imported again.",
    tag: TAG,
    doors: "platform",
    access: ACCESS,
    idempotency: "off",
    params: ImportParams,
    response: { status: 204, description: "The import is abandoned." },
    problems: ["import-state", "tenant-state", "conflict", "misdirected"],
  }),
  {
    handle: (ctx, { params }) => abandonImport(ctx, params),
    present: () => ({}),
  },
);

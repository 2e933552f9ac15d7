import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";
import { REGIONS } from "../../platform/regions.ts";
import { isSlug, TENANT_STATES } from "../../platform/tenancy/index.ts";
import { LimitOverrides, QuotaOverrides } from "../tenants/index.ts";
import { ARCHIVE_FORMAT, ARCHIVE_VERSION } from "./archive-format.ts";
import { IMPORT_KINDS, IMPORT_STATES } from "./archives.tables.ts";

const count = z.int().min(0);

/**
 * Pages of rows that one request reads, at most. Each is a query, of which Cloudflare allows 1,000 a
 * request; the last run of rows that is compared may have as many again.
 */
const MOST_PAGES = 400;

const pages = z.coerce.number().int().min(1).max(MOST_PAGES).default(MOST_PAGES).openapi({
  description: "Pages read by this request, of 500 rows or 1 MB each; fewer make shorter answers.",
  example: MOST_PAGES,
});

export const CompleteQuery = strictQuery({ pages });

export const ExportQuery = strictQuery({
  pages,
  after: z.string().max(16_000).optional().openapi({
    description: "`next` of the answer before: the archive goes on there.",
  }),
  reason: text(500).openapi({
    description: "Why the data is taken out; it stands in both audit logs.",
    example: "Move to the EU, ticket 4711",
  }),
});

const Format = {
  format: z.literal(ARCHIVE_FORMAT),
  /** Read apart from the rest, so that a newer one is told from a broken one. */
  version: z.int().min(1).openapi({ example: ARCHIVE_VERSION }),
  schema_version: z.int().min(1).openapi({
    description: "Number of tenant migrations that the database had.",
    example: 9,
  }),
};

/** First line of an archive. */
export const ArchiveHeader = z
  .strictObject({
    ...Format,
    exported_at: Time,
    tenant: z.strictObject({
      id: id("tenant"),
      slug: z.string().refine(isSlug, "is no slug").openapi({ example: "acme" }),
      name: text(200).openapi({ example: "Acme Inc." }),
      state: z.enum(TENANT_STATES).openapi({ example: "suspended" }),
      region: z.enum(REGIONS).nullable().openapi({
        description: "Where its data had to stay.",
        example: "eu",
      }),
      plan: z.string().max(40).openapi({ example: "standard" }),
      limits: LimitOverrides.nullable(),
      quotas: QuotaOverrides.nullable(),
    }),
    keys: z.record(z.string().max(32), z.string().max(64)).openapi({
      description:
        "Ids of the master keys that sealed values may need, each with a proof that it is the same key.",
      example: { "2026": "9f86d081884c7d659a2feaa0c55ad015" },
    }),
    tables: z
      .array(z.strictObject({ table: z.string().max(100), columns: z.array(z.string().max(100)) }))
      .max(500)
      .openapi({ example: [{ table: "realm", columns: ["singleton", "id"] }] }),
  })
  .openapi("ArchiveHeader");

/** Last line of an archive: what it held. */
export const ArchiveManifest = z
  .strictObject({
    ...Format,
    tenant_id: id("tenant"),
    log: z.strictObject({ seq: count, sums: count }).openapi({
      description: "Where the tenant's audit log ended: its last row, and all its sums together.",
      example: { seq: 120, sums: 4 },
    }),
    tables: z
      .array(
        z.strictObject({
          table: z.string().max(100),
          rows: count,
          sha256: z.string().regex(/^[0-9a-f]{64}$/, "is no SHA-256"),
        }),
      )
      .max(5_000)
      .openapi({
        description:
          "Every run of rows: how many, and the SHA-256 over their lines. A large table has several.",
      }),
    sequences: z.record(z.string().max(100), count).openapi({
      description: "The last number that each counting table has given.",
      example: { audit_log: 120 },
    }),
  })
  .openapi("ArchiveManifest", {
    example: {
      format: ARCHIVE_FORMAT,
      version: ARCHIVE_VERSION,
      schema_version: 9,
      tenant_id: "tenant_01jdn2z7q5e8t9v0w1x2y3z4a5",
      log: { seq: 120, sums: 4 },
      tables: [
        {
          table: "realm",
          rows: 1,
          sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        },
      ],
      sequences: { audit_log: 120 },
    },
  });

const region = z.enum(REGIONS).nullable().optional().openapi({
  description:
    "Where the data has to stay, null for anywhere; the tenant's own, or the archive's, if left out.",
  example: "eu",
});

/** What an import begins with: an archive that is there, or a tenant that is to move. */
export const NewImport = z
  .strictObject({
    archive: ArchiveHeader.optional().describe("The first line of an archive."),
    tenant_id: id("tenant").optional().openapi({
      description:
        "A tenant that is to move, and is exported only after: it stands still from now on.",
    }),
    region,
  })
  .refine(
    ({ archive, tenant_id }) => (archive === undefined) !== (tenant_id === undefined),
    "must have either archive or tenant_id",
  )
  .openapi("NewImport", {
    example: { tenant_id: "tenant_01jdn2z7q5e8t9v0w1x2y3z4a5", region: "eu" },
  });

export const ImportParams = z.object({
  id: id("tenant").openapi({ param: { name: "id", in: "path" } }),
  import: id("import").openapi({ param: { name: "import", in: "path" } }),
});

export const PartParams = ImportParams.extend({
  part: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .openapi({ param: { name: "part", in: "path" }, example: 1 }),
});

export const TenantImport = z
  .object({
    id: id("import"),
    tenant_id: id("tenant"),
    kind: z.enum(IMPORT_KINDS).openapi({ example: "new" }),
    state: z.enum(IMPORT_STATES).openapi({ example: "receiving" }),
    cell: z.string().openapi({ example: "eu-1" }),
    schema_version: z.int().openapi({ example: 9 }),
    parts: count.openapi({ description: "Parts taken in; the next has one more.", example: 0 }),
    rows: count.openapi({ description: "Rows taken in.", example: 0 }),
    rows_verified: count.openapi({
      description: "Rows compared by `complete` so far.",
      example: 0,
    }),
    started_by: z.string().openapi({ example: "user_01jdn2z7q5e8t9v0w1x2y3z4a5" }),
    started_at: Time,
    updated_at: Time,
    finished_at: Time.nullable(),
  })
  .openapi("TenantImport");

export const ImportPage = pageOf(TenantImport, "TenantImportPage");

export const ImportQuery = strictQuery(pageQuery);

import { z } from "zod";

/** Fields of an upload of a Worker, and of its bindings, as far as this project has such. */

const name = z.string();

/** `id` is the older name of `database_id`, and the one that wrangler sends. */
const D1Binding = z
  .strictObject({
    type: z.literal("d1"),
    name,
    id: z.uuid().optional(),
    database_id: z.uuid().optional(),
  })
  .refine((binding) => binding.id ?? binding.database_id, "database_id is missing");

export const Binding = z.union([
  D1Binding,
  z.strictObject({ type: z.literal("queue"), name, queue_name: z.string() }),
  z.strictObject({ type: z.literal("plain_text"), name, text: z.string() }),
  z.strictObject({ type: z.literal("secret_text"), name, text: z.string() }),
  z.strictObject({ type: z.literal("json"), name, json: z.unknown() }),
  z.strictObject({ type: z.literal("assets"), name }),
  z.strictObject({ type: z.literal("version_metadata"), name }),
  z.strictObject({
    type: z.literal("durable_object_namespace"),
    name,
    class_name: z.string(),
    script_name: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal("ratelimit"),
    name,
    namespace_id: z.string(),
    simple: z.strictObject({ limit: z.number(), period: z.union([z.literal(10), z.literal(60)]) }),
  }),
  z.strictObject({
    type: z.literal("service"),
    name,
    service: z.string(),
    entrypoint: z.string().optional(),
    environment: z.string().optional(),
  }),
]);
export type Binding = z.infer<typeof Binding>;

const Inherit = z.strictObject({
  type: z.literal("inherit"),
  name,
  old_name: z.string().optional(),
  version_id: z.string().optional(),
});

const classes = z.array(z.string()).optional();
const Migrations = z.strictObject({
  old_tag: z.string().optional(),
  new_tag: z.string(),
  steps: z.array(
    z.strictObject({
      new_classes: classes,
      new_sqlite_classes: classes,
      deleted_classes: classes,
      renamed_classes: z.array(z.strictObject({ from: z.string(), to: z.string() })).optional(),
    }),
  ),
});
export type Migrations = z.infer<typeof Migrations>;

export const Observability = z.strictObject({
  enabled: z.boolean(),
  head_sampling_rate: z.number().nullish(),
  logs: z.looseObject({ enabled: z.boolean(), invocation_logs: z.boolean() }).nullish(),
  traces: z.looseObject({}).nullish(),
});

const AssetsConfig = z.strictObject({
  html_handling: z
    .enum(["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"])
    .optional(),
  not_found_handling: z.enum(["none", "404-page", "single-page-application"]).optional(),
  run_worker_first: z.union([z.boolean(), z.array(z.string())]).optional(),
  _headers: z.string().optional(),
  _redirects: z.string().optional(),
});

/** The `metadata` part of an upload. */
export const Metadata = z.strictObject({
  main_module: z.string(),
  bindings: z.array(z.union([Binding, Inherit])).default([]),
  compatibility_date: z.string().optional(),
  compatibility_flags: z.array(z.string()).optional(),
  migrations: Migrations.optional(),
  keep_bindings: z.array(z.string()).optional(),
  keep_assets: z.boolean().optional(),
  logpush: z.boolean().optional(),
  limits: z
    .strictObject({ cpu_ms: z.number().optional(), subrequests: z.number().optional() })
    .optional(),
  annotations: z
    .strictObject({
      "workers/message": z.string().optional(),
      "workers/tag": z.string().optional(),
      "workers/alias": z.string().optional(),
    })
    .optional(),
  assets: z
    .strictObject({ jwt: z.string().optional(), config: AssetsConfig.optional() })
    .optional(),
  observability: Observability.optional(),
  package_dependencies: z
    .array(
      z.strictObject({
        name: z.string(),
        packageJsonVersion: z.string(),
        installedVersion: z.string(),
      }),
    )
    .optional(),
});
export type Metadata = z.infer<typeof Metadata>;

/** How to aim the operations of archives: each cell of the table has a tenant of its own. */
import { newId } from "../../src/platform/ids.ts";
import { newTenant } from "../support/client.ts";
import { bindings } from "../support/worker.ts";
import type { Fixture, Target } from "./fixtures.ts";

const CONTROL = bindings.CONTROL_DB;
let made = 0;

/** A tenant that users no longer change. */
async function suspended(): Promise<string> {
  const { id } = await newTenant(`still-${++made}`);
  await CONTROL.prepare("UPDATE tenants SET state = 'suspended' WHERE id = ?").bind(id).run();
  return id;
}

/** An import of which one part was taken in. */
async function imported(state: "receiving" | "done" | "abandoned"): Promise<Target["params"]> {
  const { id } = await newTenant(`imported-${++made}`);
  const [own, now] = [newId("import"), Date.now()];
  await CONTROL.prepare(
    `INSERT INTO tenant_imports (id, tenant_id, kind, state, cell, binding, schema_version, parts, rows,
      prior_state, started_by, started_at, updated_at, version)
      SELECT ?1, id, 'move', ?2, cell, binding, schema_version, 1, 0, state, ?3, ?4, ?4, 1
      FROM tenants WHERE id = ?5`,
  )
    .bind(own, state, newId("user"), now, id)
    .run();
  return { id, import: own, part: "1" };
}

const nobodys = (): Target["params"] => ({
  id: newId("tenant"),
  import: newId("import"),
  part: "1",
});

const NDJSON = "application/x-ndjson";
const LINES = '{"table":"realm","rows":1}\n';
/** SHA-256 of the lines. */
const DIGEST = "sha-256=:I3I+vqrZmwmPx+Dcup5KYOTRYhxPD9pGgAvjDoghMa4=:";

const MANIFEST = {
  format: "rowhouse-archive",
  version: 1,
  schema_version: 1,
  tenant_id: newId("tenant"),
  log: { seq: 0, sums: 0 },
  tables: [],
  sequences: {},
};

const anImport = (state: Parameters<typeof imported>[0], more: Partial<Target> = {}): Fixture => ({
  target: async () => ({ params: (await imported(state)) ?? {}, ...more }),
  nowhere: () => ({ params: nobodys() ?? {}, ...more }),
});

export const ARCHIVE_FIXTURES: Readonly<Record<string, Fixture>> = {
  "GET /api/v1/tenants/{id}/export": {
    target: async () => ({ params: { id: await suspended() }, query: { reason: "The matrix" } }),
    nowhere: () => ({ params: { id: newId("tenant") }, query: { reason: "The matrix" } }),
  },
  "POST /api/v1/tenants/imports": {
    target: async () => ({ body: { tenant_id: await suspended() } }),
    nowhere: () => ({ body: { tenant_id: newId("tenant") } }),
  },
  "POST /api/v1/tenants/imports/seed": {
    target: () => ({
      body: {
        format: "rowhouse-seed",
        version: 1,
        tenant: { slug: `seeded-${++made}`, name: "Seeded" },
        users: [
          {
            email: "ada@seeded.test",
            first_name: "Ada",
            last_name: "Lovelace",
            role: "admin",
            password_hash: `$2b$12$${"a".repeat(53)}`,
          },
        ],
      },
    }),
  },
  "GET /api/v1/tenants/{id}/imports": anImport("done"),
  "GET /api/v1/tenants/{id}/imports/{import}": anImport("done"),
  "PUT /api/v1/tenants/{id}/imports/{import}/parts/{part}": anImport("receiving", {
    raw: { text: LINES, headers: { "content-type": NDJSON, "content-digest": DIGEST } },
  }),
  "POST /api/v1/tenants/{id}/imports/{import}/complete": anImport("done", { body: MANIFEST }),
  "DEL /api/v1/tenants/{id}/imports/{import}": anImport("abandoned"),
};

/** How to aim the operations of fleet migrations at a run that is there. */
import { newId } from "../../src/platform/ids.ts";
import { SCHEMA } from "../support/schema.ts";
import { bindings } from "../support/worker.ts";
import type { Fixture, Scene } from "./fixtures.ts";

const CONTROL = bindings.CONTROL_DB;

/** One is open at a time, and each cell of the table begins one. */
async function endRuns(): Promise<void> {
  await CONTROL.exec("UPDATE migration_runs SET state = 'done'");
}

/** A run that has failed at the house's tenant, as if its database had been silent. */
async function addFailed({ house }: Scene): Promise<string> {
  await endRuns();
  const [id, now] = [newId("migration"), Date.now()];
  await CONTROL.batch([
    CONTROL.prepare(
      `INSERT INTO migration_runs (id, state, schema_version, concurrency, started_by, started_at,
        updated_at, finished_at, version) VALUES (?1, 'done', ?2, 1, ?3, ?4, ?4, ?4, 1)`,
    ).bind(id, SCHEMA, newId("user"), now),
    CONTROL.prepare(
      `INSERT INTO migration_targets (run_id, tenant_id, slug, cell, state, tries, error, updated_at)
        SELECT ?, id, slug, cell, 'failed', 1, 'database-unavailable', ? FROM tenants WHERE id = ?`,
    ).bind(id, now, house.tenant.id),
  ]);
  return id;
}

const oneRun: Fixture = {
  target: async (scene) => ({ params: { id: await addFailed(scene) } }),
  nowhere: () => ({ params: { id: newId("migration") } }),
};

export const MIGRATION_FIXTURES: Readonly<Record<string, Fixture>> = {
  "POST /api/v1/migrations": {
    target: async () => {
      await endRuns();
      return { body: {} };
    },
  },
  "GET /api/v1/migrations/{id}": oneRun,
  "POST /api/v1/migrations/{id}/resume": oneRun,
  "POST /api/v1/migrations/{id}/cancel": oneRun,
};

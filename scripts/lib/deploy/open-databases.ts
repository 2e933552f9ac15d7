import { poolBindings } from "../pool.ts";
import { readDatabases } from "./deployed.ts";
import type { PlannedCell } from "./plan.ts";
import type { Site } from "./site.ts";
import { forEach, type Tools } from "./tools.ts";

/** As many as one request tries, at most. */
const STEP = 100;

interface TriedCell {
  readonly claimable: number;
  readonly unfit: { readonly binding: string; readonly reason: string } | null;
}

/**
 * Lets tenants be given the databases of a cell that they may not be given yet: each gets its read
 * replicas, then the cell itself tries it. An interrupted one is taken up where it stopped.
 *
 * @throws Error naming a database that is not fit to be given to anybody
 */
export async function openDatabases(plan: PlannedCell, site: Site, tools: Tools): Promise<void> {
  const { cell, name, size } = plan;
  const path = `/cells/${cell.name}`;
  let { claimable } = await site.operators.call<TriedCell>({ path });
  if (claimable >= size) return;
  tools.say(`Opening ${size - claimable} databases of the cell ${cell.name}.`);
  await replicate(name, poolBindings(size).slice(claimable), tools);
  while (claimable < size) {
    const next = await site.operators.call<TriedCell>({
      method: "POST",
      path: `${path}/databases`,
      body: { claimable: Math.min(claimable + STEP, size) },
    });
    if (next.unfit) {
      const { binding, reason } = next.unfit;
      throw new Error(
        `${binding} of the cell ${cell.name} cannot be given to a tenant: ${reason}.`,
      );
    }
    if (next.claimable <= claimable) {
      throw new Error(`The cell ${cell.name} lets no more than ${claimable} be claimed.`);
    }
    claimable = next.claimable;
  }
}

/** Read replicas are set for each database, and nobody but the API sets them. */
async function replicate(name: string, wanted: readonly string[], { api }: Tools): Promise<void> {
  const bound = await readDatabases(api, name);
  await forEach(wanted, (binding) =>
    api.call("PUT", `/d1/database/${bound.get(binding)}`, { read_replication: { mode: "auto" } }),
  );
}

import { parseMasterKey } from "../../../src/platform/crypto/master-key.ts";
import { isPoolBinding } from "../pool.ts";
import type { WranglerConfig } from "../render-config.ts";
import { boundDatabases, type Deployed, versionOf } from "./deployed.ts";
import { operatorFaults } from "./first-operator.ts";
import type { PlannedCell, Wishes, WorkerPlan } from "./plan.ts";

/** Why a plan must not be carried out, in sentences; none where it may. */
export function refusalsOf(
  cells: readonly PlannedCell[],
  workers: readonly WorkerPlan[],
  deployed: Deployed,
  wishes: Wishes,
): string[] {
  const { grow, version, login } = wishes;
  return [
    ...workers.flatMap(droppedBindings),
    ...workers.flatMap((worker) => changedControl(worker, deployed)),
    ...workers.flatMap((worker) => oneWay(worker, wishes)),
    ...cells.flatMap((cell) => lostDatabases(cell, deployed)),
    ...masterKeyFaults(cells, wishes),
    ...operatorFaults(deployed.registry, login),
    ...(grow ? growthFaults(cells, version, grow) : []),
  ];
}

/** The name of the newest change of Durable Objects that a config has. */
export function newestTag({ migrations }: WranglerConfig): string | undefined {
  return (migrations as readonly { tag: string }[] | undefined)?.at(-1)?.tag;
}

/** A deploy replaces all bindings, so a database that is left out is one that a tenant loses. */
function droppedBindings({ name, config, before }: WorkerPlan): string[] {
  const kept = new Set((config.d1_databases ?? []).map(({ binding }) => binding));
  const dropped = [...boundDatabases(before?.bindings).keys()].filter((it) => !kept.has(it));
  return dropped.length > 0 ? [`${name} would lose the databases ${dropped.join(", ")}.`] : [];
}

/** What is bound stays bound. All cells and the router would otherwise have registries of their own. */
function changedControl({ name, config, before }: WorkerPlan, { databases }: Deployed): string[] {
  const bound = boundDatabases(before?.bindings).get("CONTROL_DB");
  const entry = config.d1_databases?.find(({ binding }) => binding === "CONTROL_DB");
  if (!bound || bound === entry?.database_id) return [];
  const why = [...databases.values()].includes(bound) ? "has another name" : "is gone";
  return [`The control database of ${name} is not ${entry?.database_name}: it ${why}.`];
}

/** A growth is a deploy of what runs already: new code and new databases are not tried at once. */
function growthFaults(
  cells: readonly PlannedCell[],
  version: string,
  grow: ReadonlyMap<string, number>,
): string[] {
  const unknown = [...grow.keys()].filter((name) => !cells.some(({ cell }) => cell.name === name));
  return [
    ...unknown.map((name) => `There is no cell ${name}.`),
    ...cells.flatMap(({ cell, name, before, size }) => {
      if (!before) return [`${name} is not deployed: npm run deploy makes it.`];
      const runs = versionOf(before);
      if (runs !== version)
        return [`${name} runs ${runs}, and this is ${version}: check that out.`];
      const wanted = grow.get(cell.name) ?? 0;
      return wanted < size ? [`${name} has ${size} databases, and a pool never shrinks.`] : [];
    }),
  ];
}

function oneWay({ name, isOneWay, before, config }: WorkerPlan, wishes: Wishes): string[] {
  if (!isOneWay) return [];
  const change = `from ${before?.objectMigration ?? "none"} to ${newestTag(config) ?? "none"}`;
  if (wishes.grow) return [`${name} changes its Durable Objects ${change}: no part of a growth.`];
  if (wishes.objectMigrations) return [];
  return [
    `${name} changes its Durable Objects ${change}, and no rollback can cross that. Deploy the change by itself, with --object-migrations.`,
  ];
}

/** Somebody deleted what a tenant may live in. */
function lostDatabases({ name, cell, before }: PlannedCell, deployed: Deployed): string[] {
  const there = new Set(deployed.databases.values());
  const lost = [...boundDatabases(before?.bindings)].filter(
    ([binding, id]) =>
      isPoolBinding(binding) &&
      !there.has(id) &&
      !deployed.registry.retired.has(`${cell.name}/${binding}`),
  );
  return lost.map(([binding]) => `The database of ${binding} at ${name} is gone, and not retired.`);
}

function masterKeyFaults(cells: readonly PlannedCell[], { masterKey }: Wishes): string[] {
  const wanting = cells.filter(({ putsMasterKey }) => putsMasterKey).map(({ name }) => name);
  if (wanting.length === 0) return [];
  if (!masterKey) return [`Set MASTER_KEY, the same for all cells: ${wanting.join(", ")}.`];
  try {
    parseMasterKey(masterKey);
    return [];
  } catch (error) {
    return [`MASTER_KEY: ${(error as Error).message}`];
  }
}

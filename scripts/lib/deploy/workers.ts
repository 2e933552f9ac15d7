import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepConfig } from "../render-config.ts";
import { boundDatabases, type DeployedWorker, readDatabases, versionOf } from "./deployed.ts";
import { poolSizeOf } from "./names.ts";
import type { Plan, PlannedCell, WorkerPlan } from "./plan.ts";
import type { Tools } from "./tools.ts";

/** All Workers that a plan deploys, in order: the router last, since it speaks to all cells. */
export function workersOf({ cells, router }: Plan): WorkerPlan[] {
  return [...cells, ...(router ? [router] : [])];
}

/**
 * Writes the configs that wrangler reads.
 *
 * @param made ids of databases that were made since the plan was. wrangler would find them by name, but not
 * where their binding led to one that is deleted.
 */
export function writeConfigs(plan: Plan, made: ReadonlyMap<string, string> = new Map()): void {
  for (const { file, config } of [plan.home, ...workersOf(plan)]) {
    const databases = (config.d1_databases ?? []).map((entry) => {
      const id = made.get(entry.database_name);
      return id ? { ...entry, database_id: id } : entry;
    });
    keepConfig(file, { ...config, d1_databases: databases });
  }
}

/** Compiles a Worker without sending it anywhere. */
export async function rehearse({ file }: WorkerPlan, { wrangler }: Tools): Promise<void> {
  await wrangler(["deploy", "--dry-run", "--config", file]);
}

/**
 * Uploads a Worker and lets it serve. A secret goes with the same upload, so that no version is without.
 *
 * @throws WranglerFailed
 */
export async function deployWorker(
  { name, file, putsMasterKey }: WorkerPlan,
  { version }: Plan,
  { wrangler, say, masterKey }: Tools,
): Promise<void> {
  say(`Deploying ${name}.`);
  const command = ["deploy", "--config", file, "--tag", version];
  if (!putsMasterKey) {
    await wrangler(command);
    return;
  }
  // A file and not an argument: other users of the machine can read what programs are started with.
  const directory = mkdtempSync(join(tmpdir(), "rowhouse-"));
  try {
    const secrets = join(directory, "secrets.json");
    writeFileSync(secrets, JSON.stringify({ MASTER_KEY: masterKey }), { mode: 0o600 });
    await wrangler([...command, "--secrets-file", secrets]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * A deployed Worker has every database that it had before, each under its old name. The plan takes none
 * away but those that were deleted.
 *
 * @throws Error naming those that changed
 */
export async function checkBindings(
  { name, before, config }: WorkerPlan,
  { api }: Tools,
): Promise<void> {
  const planned = new Map(
    (config.d1_databases ?? []).map(({ binding, database_id: id }) => [binding, id]),
  );
  const after = await readDatabases(api, name);
  const changed = [...boundDatabases(before?.bindings)].filter(
    ([binding, id]) => planned.get(binding) === id && after.get(binding) !== id,
  );
  if (changed.length === 0) return;
  throw new Error(
    `${name} has other databases than before: ${changed.map(([it]) => it).join(", ")}`,
  );
}

/**
 * Goes back to the versions before, the last one deployed first.
 *
 * @returns what became of each, for a person
 */
export async function rollBack(workers: readonly WorkerPlan[], tools: Tools): Promise<string[]> {
  const said: string[] = [];
  for (const worker of workers.toReversed()) {
    const obstacle = obstacleOf(worker);
    said.push(obstacle ?? (await rollBackOne(worker, worker.before as DeployedWorker, tools)));
  }
  return said;
}

/** Why a Worker has to stay as it is now. */
function obstacleOf(worker: WorkerPlan): string | undefined {
  const { name, before, isOneWay } = worker;
  if (!before?.versionId) return `${name} stays: there was none before.`;
  if (isOneWay) {
    return `${name} stays: no rollback crosses a change of Durable Objects. Mend it and deploy again.`;
  }
  const bound = poolSizeOf([...boundDatabases(before?.bindings).keys()]);
  if (bound < ((worker as Partial<PlannedCell>).claimable ?? 0)) {
    return `${name} stays: tenants may live in databases that it did not have before.`;
  }
}

async function rollBackOne(
  { name, file }: WorkerPlan,
  before: DeployedWorker,
  { wrangler, say }: Tools,
): Promise<string> {
  say(`Rolling ${name} back.`);
  const why = ["--message", "the deploy failed", "--yes"];
  try {
    await wrangler(["rollback", before.versionId ?? "", "--config", file, ...why]);
    return `${name} is ${versionOf(before)} again.`;
  } catch (error) {
    return `${name} could not be rolled back: ${(error as Error).message}`;
  }
}

import { type Cloudflare, CloudflareError, LARGEST_PAGE } from "./cloudflare.ts";
import type { Environment } from "./fleet.ts";
import { controlDatabaseName, routerName, workerName } from "./names.ts";

/** A binding as Cloudflare tells it. */
export interface Binding {
  readonly type: string;
  readonly name: string;
  /** Of a D1 database. */
  readonly id?: string;
  /** Of a variable. */
  readonly text?: string;
}

/** A Worker as it is deployed. */
export interface DeployedWorker {
  readonly bindings: readonly Binding[];
  /** The newest change of its Durable Objects that it has. */
  readonly objectMigration?: string;
  /** What a rollback goes back to. */
  readonly versionId?: string;
}

/** What a deployed Worker says that it is. */
export function versionOf({ bindings }: DeployedWorker): string {
  return bindings.find(({ name }) => name === "VERSION")?.text ?? "an unknown version";
}

/** Ids of the databases that a Worker has, by binding. */
export function boundDatabases(bindings: readonly Binding[] = []): Map<string, string> {
  const databases = bindings.filter(({ type }) => type === "d1");
  return new Map(databases.flatMap(({ name, id }) => (id ? [[name, id]] : [])));
}

/** What an account has of an environment. */
export interface Deployed {
  /** By name. */
  readonly workers: ReadonlyMap<string, DeployedWorker>;
  /** Ids of all the account's databases, by name. */
  readonly databases: ReadonlyMap<string, string>;
  readonly queues: ReadonlySet<string>;
  /** What the control database says; empty before there is one. */
  readonly registry: Registry;
}

/** What a deploy wants to know of the control database before it has code that could be asked. */
export interface Registry {
  /** Databases that may be claimed, by cell: no deploy may have fewer. */
  readonly claimable: ReadonlyMap<string, number>;
  /** `cell/binding` of databases that are out of service. */
  readonly retired: ReadonlySet<string>;
  /** Whether anybody can sign in as an operator. */
  readonly hasOperators: boolean;
}

const NO_REGISTRY: Registry = { claimable: new Map(), retired: new Set(), hasOperators: false };

interface Script {
  readonly id: string;
  readonly migration_tag?: string | null;
}

/** Reads all that there is. Changes nothing. */
export async function readDeployed(api: Cloudflare, environment: Environment): Promise<Deployed> {
  const wanted = [
    ...environment.cells.map((cell) => workerName(environment, cell)),
    routerName(environment),
  ];
  const [scripts, databases, queues] = await Promise.all([
    api.call<Script[]>("GET", "/workers/scripts"),
    api.list<{ name: string; uuid: string }>("/d1/database", LARGEST_PAGE),
    api.list<{ queue_name: string }>("/queues"),
  ]);
  const ours = scripts.filter(({ id }) => wanted.includes(id));
  const workers = await Promise.all(
    ours.map(async (script) => [script.id, await readWorker(api, script)] as const),
  );
  const ids = new Map(databases.map(({ name, uuid }) => [name, uuid]));
  return {
    workers: new Map(workers),
    databases: ids,
    queues: new Set(queues.map((queue) => queue.queue_name)),
    registry: await readRegistry(api, ids.get(controlDatabaseName(environment))),
  };
}

/** The databases that a Worker has now, by binding. */
export async function readDatabases(api: Cloudflare, worker: string): Promise<Map<string, string>> {
  return boundDatabases(await readBindings(api, worker));
}

async function readBindings(api: Cloudflare, worker: string): Promise<readonly Binding[]> {
  const path = `/workers/scripts/${worker}/settings`;
  return (await api.call<{ bindings?: Binding[] }>("GET", path)).bindings ?? [];
}

async function readWorker(api: Cloudflare, { id, migration_tag }: Script): Promise<DeployedWorker> {
  const [bindings, { deployments }] = await Promise.all([
    readBindings(api, id),
    api.call<{ deployments: { versions: { version_id: string }[] }[] }>(
      "GET",
      `/workers/scripts/${id}/deployments`,
    ),
  ]);
  // The newest stands first.
  const versionId = deployments[0]?.versions[0]?.version_id;
  return {
    bindings,
    ...(migration_tag ? { objectMigration: migration_tag } : {}),
    ...(versionId ? { versionId } : {}),
  };
}

async function readRegistry(api: Cloudflare, id: string | undefined): Promise<Registry> {
  if (!id) return NO_REGISTRY;
  const ask = <T>(sql: string) => rows<T>(api, id, sql);
  const cells = await ask<{ name: string; claimable: number }>("SELECT name, claimable FROM cells");
  const retired = await ask<{ cell: string; binding: string }>(
    "SELECT cell, binding FROM tenant_databases WHERE state = 'retired'",
  );
  const operators = await ask("SELECT id FROM users LIMIT 1");
  return {
    claimable: new Map(cells.map(({ name, claimable }) => [name, claimable])),
    retired: new Set(retired.map(({ cell, binding }) => `${cell}/${binding}`)),
    hasOperators: operators.length > 0,
  };
}

/** The rows of a question; none where its table is not there yet, as before the first migration. */
async function rows<T>(api: Cloudflare, databaseId: string, sql: string): Promise<T[]> {
  try {
    const [answer] = await api.call<{ results?: T[] }[]>(
      "POST",
      `/d1/database/${databaseId}/query`,
      {
        sql,
      },
    );
    return answer?.results ?? [];
  } catch (error) {
    if (error instanceof CloudflareError && /no such table/.test(error.message)) return [];
    throw error;
  }
}

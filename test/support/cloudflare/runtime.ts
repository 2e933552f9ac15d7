import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { type Account, liveVersion, type Script } from "./account.ts";
import { databaseIdOf } from "./uploads.ts";

/** Runs an account's Workers, and keeps what is in its databases and objects. */
export interface Runtime {
  /** Port of 127.0.0.1 that serves all routes of all zones; `Host` chooses. */
  port: number;
  /** Lines that Workers have logged. */
  logs: string[];
  /** What is deployed has changed: the next {@link settle} starts it anew. */
  changed(): void;
  /** @throws Error when a Worker does not start */
  settle(account: Account): Promise<void>;
  /** Runs statements on a database, as one transaction. */
  query(
    account: Account,
    databaseId: string,
    statements: readonly { sql: string; params: readonly unknown[] }[],
  ): Promise<unknown[]>;
  stop(): Promise<void>;
}

/** Answers where no route leads to a Worker, and holds every database for the API's own queries. */
const EDGE = `export default { fetch: () => new Response("error code: 1016", { status: 530 }) };`;
const EDGE_NAME = "-edge-";

/** A runtime with nothing deployed; its state goes away with it. */
export function startRuntime(port: number): Runtime {
  const logs: string[] = [];
  const directory = mkdtempSync(join(tmpdir(), "rowhouse-cloudflare-"));
  let miniflare: Miniflare | undefined;
  let wanted = 1;
  let running = 0;
  let bound = new Set<string>();
  let queue: Promise<void> = Promise.resolve();

  async function start(account: Account): Promise<void> {
    if (running === wanted) return;
    const version = wanted;
    const options = optionsOf(account, directory, port, logs);
    try {
      if (miniflare) await miniflare.setOptions(options);
      else miniflare = new Miniflare(options);
      await miniflare.ready;
      running = version;
      bound = new Set(account.databases.map(({ uuid }) => uuid));
    } catch (error) {
      await miniflare?.dispose().catch(() => {});
      miniflare = undefined;
      throw error;
    }
  }

  function settle(account: Account): Promise<void> {
    const settled = queue.then(() => start(account));
    queue = settled.catch(() => {});
    return settled;
  }

  return {
    port,
    logs,
    changed: () => {
      wanted += 1;
    },
    settle,
    async query(account, databaseId, statements) {
      // A database that was made since the last deployment is bound to nothing yet.
      if (!bound.has(databaseId)) wanted += 1;
      await settle(account);
      const database = await miniflare?.getD1Database(databaseId, EDGE_NAME);
      if (!database) throw new Error("The runtime has stopped.");
      return database.batch(
        statements.map(({ sql, params }) => database.prepare(sql).bind(...params)),
      );
    },
    async stop() {
      await queue;
      await miniflare?.dispose();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function optionsOf(account: Account, directory: string, port: number, logs: string[]) {
  const databases = account.databases.map(({ uuid }) => [uuid, uuid]);
  return convertV4MiniflareOptions({
    host: "127.0.0.1",
    port,
    cf: false,
    telemetry: { enabled: false },
    handleStructuredLogs: ({ message }) => void logs.push(message),
    resourcePersistencePath: join(directory, "state"),
    workers: [
      {
        name: EDGE_NAME,
        modules: [{ type: "ESModule", path: "index.js", contents: EDGE }],
        d1Databases: Object.fromEntries(databases),
      },
      ...[...account.scripts.values()].flatMap((script) => workerOf(account, script, directory)),
    ],
  });
}

function workerOf(account: Account, script: Script, directory: string) {
  const version = liveVersion(script);
  if (!version) return [];
  const { metadata, bindings, modules } = version;
  const of = <T extends (typeof bindings)[number]["type"]>(type: T) =>
    bindings.filter((binding): binding is (typeof bindings)[number] & { type: T } => {
      return binding.type === type;
    });
  const main = modules.filter(({ name }) => name === metadata.main_module);
  const rest = modules.filter(({ name }) => name !== metadata.main_module);
  const consumers = account.queues.flatMap(({ queue_name, consumers: [consumer] }) =>
    consumer?.script === script.name ? [[queue_name, consumer] as const] : [],
  );
  return [
    {
      name: script.name,
      modules: [...main, ...rest].map(({ name, type, content }) => ({
        type,
        path: name,
        contents: content,
      })),
      ...(metadata.compatibility_date && { compatibilityDate: metadata.compatibility_date }),
      ...(metadata.compatibility_flags && { compatibilityFlags: metadata.compatibility_flags }),
      routes: account.zones.flatMap(({ routes }) =>
        routes.filter((route) => route.script === script.name).map(({ pattern }) => pattern),
      ),
      bindings: Object.fromEntries([
        ...[...of("plain_text"), ...of("secret_text")].map(({ name, text }) => [name, text]),
        ...of("json").map(({ name, json }) => [name, json]),
      ]),
      d1Databases: Object.fromEntries(of("d1").map((each) => [each.name, databaseIdOf(each)])),
      durableObjects: Object.fromEntries(
        of("durable_object_namespace").map(({ name, class_name }) => [
          name,
          { className: class_name, useSQLite: true },
        ]),
      ),
      queueProducers: Object.fromEntries(
        of("queue").map(({ name, queue_name }) => [name, queue_name]),
      ),
      queueConsumers: Object.fromEntries(
        consumers.map(([name, { settings, dead_letter_queue }]) => [
          name,
          {
            maxBatchSize: settings.batch_size ?? 10,
            maxBatchTimeout: (settings.max_wait_time_ms ?? 5_000) / 1_000,
            maxRetries: settings.max_retries ?? 3,
            ...(dead_letter_queue !== undefined && { deadLetterQueue: dead_letter_queue }),
          },
        ]),
      ),
      ratelimits: Object.fromEntries(
        of("ratelimit").map(({ name, namespace_id, simple }) => [name, { namespace_id, simple }]),
      ),
      serviceBindings: Object.fromEntries(
        of("service").map(({ name, service, entrypoint }) => [
          name,
          { name: service, ...(entrypoint !== undefined && { entrypoint }) },
        ]),
      ),
      ...assetsOf(account, version, directory),
    },
  ];
}

function assetsOf(
  account: Account,
  { id, assets, bindings, metadata }: NonNullable<ReturnType<typeof liveVersion>>,
  directory: string,
) {
  const binding = bindings.find(({ type }) => type === "assets");
  if (!assets) return {};
  const folder = join(directory, "assets", id);
  for (const [path, { hash }] of Object.entries(assets)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, account.assets.get(hash)?.content ?? "");
  }
  return {
    assets: {
      directory: folder,
      ...(binding && { binding: binding.name }),
      run_worker_first: metadata.assets?.config?.run_worker_first ?? false,
      routerConfig: {
        has_user_worker: true,
        invoke_user_worker_ahead_of_assets: metadata.assets?.config?.run_worker_first === true,
      },
    },
  };
}

import { env } from "cloudflare:workers";
import { createApp } from "../../src/app.ts";
import type { Bindings } from "../../src/env.ts";
import worker from "../../src/index.ts";
import type { Doorbell, QueueName } from "../../src/platform/jobs/doorbell.ts";
import { type CallOptions, type Reply, requestOf, toReply } from "./client.ts";
import { type Around, wrapD1 } from "./d1.ts";

/** The bindings and settings of the tests. */
export const bindings = env as unknown as Bindings;

/** Whether the full counts are wanted, as `npm run test:deep` does. */
export const DEEP = bindings.DEEP === "1";

/** The Worker with other bindings or settings than the tests' own. */
export interface OtherWorker {
  readonly env: Bindings;
  call(method: string, url: string, options?: CallOptions): Promise<Reply>;
  /** Runs every schedule of every minute, as the Cron Trigger does. */
  tick(): Promise<void>;
}

/**
 * Opens a Worker that is asked many times: unlike `callWith` it is built once. What an isolate
 * remembers it shares with the tests' own Worker.
 * @param pool bindings of the only tenant databases that it shall have
 */
export function openWorker(changes: Partial<Bindings>, pool?: readonly string[]): OtherWorker {
  const own = Object.fromEntries(
    Object.entries({ ...bindings, ...changes }).filter(
      ([name]) => !pool || !name.startsWith("TENANT_DB_") || pool.includes(name),
    ),
  ) as unknown as Bindings;
  const app = createApp();
  return {
    env: own,
    call: async (method, url, options) =>
      toReply(await app.fetch(requestOf(method, url, options), own)),
    tick: () => tick(own),
  };
}

/** Runs every schedule of every minute, or of another cron, as the Cron Trigger does. */
export async function tick(own: Bindings = bindings, cron = "* * * * *"): Promise<void> {
  const { createScheduledController } = await import("cloudflare:test");
  const controller = createScheduledController({ cron });
  await worker.scheduled(controller, own);
}

/**
 * Delivers doorbells to their consumer, as the queue does, all in one batch.
 * @returns ids of the messages that are to come again
 */
export async function ring(
  bells: readonly Doorbell[],
  queue: QueueName = "doorbells",
  own: Bindings = bindings,
): Promise<string[]> {
  const { createExecutionContext, createMessageBatch, getQueueResult } = await import(
    "cloudflare:test"
  );
  const messages = bells.map((body, index) => ({
    id: String(index),
    timestamp: new Date(),
    attempts: 1,
    body,
  }));
  const batch = createMessageBatch(`rowhouse-${queue}`, messages);
  await worker.queue(batch, own);
  const { retryMessages } = await getQueueResult(batch, createExecutionContext());
  return retryMessages.map(({ msgId }) => msgId);
}

/** All databases with somebody in between, who is told which binding a trip goes to. */
export function wrapAll(around: (binding: string) => Around): Pick<Bindings, "CONTROL_DB"> {
  const names = Object.keys(bindings).filter((name) => /^(CONTROL|TENANT)_DB/.test(name));
  const wrapped = names.map((name) => [name, wrapD1(databaseOf(name), around(name))] as const);
  return Object.fromEntries(wrapped) as unknown as Bindings;
}

export function databaseOf(binding: string): D1Database {
  return bindings[binding] as D1Database;
}

/** The registry's row of a tenant. */
export async function registryOf(slug: string): Promise<Record<string, unknown> | null> {
  return bindings.CONTROL_DB.prepare("SELECT * FROM tenants WHERE slug = ?").bind(slug).first();
}

/** A tenant's own database, for looking behind the API. */
export async function databaseOfTenant(slug: string): Promise<D1Database> {
  const row = await registryOf(slug);
  if (!row) throw new Error(`There is no tenant ${slug}.`);
  return databaseOf(String(row.binding));
}

/** The first column of the first row. */
export async function firstValue<T>(
  database: D1Database,
  sql: string,
  ...values: unknown[]
): Promise<T> {
  const [row] = await database
    .prepare(sql)
    .bind(...values)
    .raw();
  return (row as unknown[])[0] as T;
}

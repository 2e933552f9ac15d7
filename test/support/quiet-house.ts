/** A tenant whose webhooks are received, and processed by nobody but the test. */
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { type DrainOptions, drain } from "../../src/features/webhooks/drain.service.ts";
import { HANDLERS } from "../../src/features/webhooks/handlers.ts";
import type { WebhookHandler } from "../../src/features/webhooks/handling.ts";
import {
  type AttemptRow,
  type EventRow,
  findReceived,
  findWhole,
} from "../../src/features/webhooks/inspect.repository.ts";
import type { TenantCtx } from "../../src/platform/context.ts";
import type { SchemeName } from "../../src/platform/signatures/index.ts";
import { newTenant, type Reply, type TestTenant } from "./client.ts";
import { tenantCtx } from "./ctx.ts";
import { keptQueues, type Sent } from "./kept-queues.ts";
import { addService, eventOf, signed, type TestService } from "./webhooks.ts";
import { databaseOfTenant, type OtherWorker, openWorker } from "./worker.ts";

export interface QuietHouse {
  readonly tenant: TestTenant;
  readonly service: TestService;
  /** The Worker with the kept queues. */
  readonly worker: OtherWorker;
  readonly database: D1Database;
  /** A job's context; with other bindings, if they are given. */
  ctx(changes?: Partial<Bindings>): Promise<TenantCtx>;
  /** Signs and posts one event. @returns our id of it */
  accept(id: string, type?: string, data?: Record<string, unknown>): Promise<string>;
  /** Signs and posts a body as it is. */
  post(body: string | Uint8Array, contentType?: string, service?: TestService): Promise<Reply>;
  /** Has the admin ask. */
  ask(method: string, path: string, body?: unknown): Promise<Reply>;
  /** What a consumer does when a doorbell rings: the chain's own, `again`, or one without a token. */
  drain(options?: Partial<DrainOptions>, bell?: { readonly again?: boolean }): Promise<void>;
  /** The chain of doorbells that is alive. */
  chain(): Promise<string | undefined>;
  event(id: string): Promise<EventRow>;
  attempts(id: string): Promise<AttemptRow[]>;
  /** What the queues were sent since the last call. */
  sent(): Sent[];
  breakQueues(text: string | null): void;
  /** Actions of the audit log, the first one first; only those about `target`, if it is given. */
  actions(target?: string): Promise<string[]>;
}

export async function quietHouse(
  webhook: Record<string, unknown> = {},
  scheme: SchemeName = "generic",
): Promise<QuietHouse> {
  const tenant = await newTenant();
  const service = await addService(tenant, scheme, webhook);
  const queues = keptQueues();
  const worker = openWorker(queues.bindings);
  const database = await databaseOfTenant(tenant.slug);
  const ctx = (changes: Partial<Bindings> = {}) =>
    tenantCtx(tenant.slug, { ...worker.env, ...changes } as Bindings);
  const send = async (sender: TestService, body: string | Uint8Array, more = {}) => {
    const delivery = await signed(sender, body, more);
    return worker.call("POST", delivery.url, { raw: delivery.body, headers: delivery.headers });
  };
  const house: QuietHouse = {
    tenant,
    service,
    worker,
    database,
    ctx,
    accept: async (id, type, data) => {
      const reply = await send(service, eventOf(service, id, type, data), { id, type });
      expect(reply.status, reply.text).toBe(202);
      return reply.json.event_id;
    },
    post: (body, contentType = "application/json", sender = service) =>
      send(sender, body, { contentType }),
    ask: (method, path, body) =>
      worker.call(method, `${tenant.api}${path}`, { token: tenant.admin.token, body }),
    drain: async (options = {}, bell = {}) =>
      drain(await ctx(), bell.again ? { again: await house.chain() } : {}, {
        handlers: HANDLERS,
        random: () => 0.5,
        ...options,
      }),
    chain: async () =>
      (await database.prepare("SELECT chain FROM webhook_drain").first<string>("chain")) ??
      undefined,
    event: async (id) => (await findReceived((await ctx()).db, id, "primary")) as EventRow,
    attempts: async (id) => (await findWhole((await ctx()).db, id, false))?.attempts ?? [],
    sent: queues.take,
    breakQueues: queues.breakWith,
    actions: async (target) => {
      const rows = await database
        .prepare("SELECT action FROM audit_log WHERE ?1 IS NULL OR target = ?1 ORDER BY seq")
        .bind(target ?? null)
        .raw();
      return rows.map(([action]) => String(action));
    },
  };
  return house;
}

/** Handles everything, in this way. */
export function handling(handle: WebhookHandler["handle"]): { handlers: WebhookHandler[] } {
  return { handlers: [{ types: "*", handle }] };
}

/** An effect that changes nothing. */
export const NOTHING = { steps: [], audit: [] } as const;

/** Erasing tenants, minute by minute. */
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { purgeSchedules } from "../../src/features/purge/index.ts";
import { runSchedules } from "../../src/platform/jobs/schedules.ts";
import { type Caller, call, PLATFORM_ORIGIN, type TestTenant } from "./client.ts";
import { type KeptQueues, keptQueues, type Sent } from "./kept-queues.ts";
import { bring } from "./queue-batches.ts";
import { bindings } from "./worker.ts";

/** Has an operator ask to purge a tenant, whose grace is over. */
export async function purging(operator: Caller, tenant: TestTenant): Promise<TestTenant> {
  const as = (method: string, path: string, body?: unknown) =>
    call(method, `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}${path}`, {
      token: operator.token,
      body,
    });
  expect((await as("DELETE", "")).status).toBe(204);
  await bindings.CONTROL_DB.prepare("UPDATE tenants SET deactivated_at = 0 WHERE id = ?")
    .bind(tenant.id)
    .run();
  const reply = await as("POST", "/purge", { slug: tenant.slug });
  expect(reply.status, reply.text).toBe(202);
  return tenant;
}

export interface Purges {
  readonly queues: KeptQueues;
  /** The minute's tick, as far as it is about purging. @returns the bells that it has rung */
  tick(): Promise<Sent[]>;
  /** Brings bells to their consumer. @returns those that were rung in the meantime */
  bring(bells: readonly Sent[]): Promise<Sent[]>;
  /** A tick, and all that follows from it. @returns how many bells were brought */
  minute(): Promise<number>;
}

/** Purging by a Worker with these bindings, whose queues keep what they are sent. */
export function purgesOf(changes: Partial<Bindings> = {}): Purges {
  const queues = keptQueues();
  const env = { ...bindings, ...changes, ...queues.bindings } as Bindings;
  const tick = async () => {
    await runSchedules(purgeSchedules, "* * * * *", env);
    return queues.take();
  };
  const toConsumer = async (bells: readonly Sent[]) => {
    const bodies = bells.map(({ body }) => body);
    const { retried } = await bring("doorbells", bodies, { env });
    expect(retried, "no bell comes again by itself").toEqual([]);
    return queues.take();
  };
  return {
    queues,
    tick,
    bring: toConsumer,
    async minute() {
      let brought = 0;
      for (let bells = await tick(); bells.length > 0; bells = await toConsumer(bells)) {
        brought += bells.length;
      }
      return brought;
    },
  };
}

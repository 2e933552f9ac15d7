import type { Ctx } from "../../platform/context.ts";
import { inTime } from "../../platform/in-time.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { platformCtx, type RealmDb, realm } from "../../platform/tenancy/index.ts";

/** How long a part may take to answer, in ms. One in trouble often does not fail, but hang. */
const TIMEOUT_MS = 1_000;

export type ServiceState = "ok" | "down";

/** State of each part that an answer may need, without a word on why. */
export interface Health {
  readonly status: "ok" | "degraded";
  readonly services: Readonly<Record<string, ServiceState>>;
}

/** Asks every part once. */
export async function check(ctx: Ctx): Promise<Health> {
  const parts: Record<string, () => Promise<unknown>> = {
    control_database: () => askDatabase(platformCtx(ctx).db),
    queues: () => ctx.queues.check(),
    durable_objects: () => ctx.objects.check(),
  };
  if (ctx.realm.slug !== null) parts.tenant_database = () => askDatabase(ctx.db);
  const states = await Promise.all(
    Object.entries(parts).map(
      async ([name, ask]) => [name, await stateOf(ctx, name, ask)] as const,
    ),
  );
  const healthy = states.every(([, state]) => state === "ok");
  return { status: healthy ? "ok" : "degraded", services: Object.fromEntries(states) };
}

function askDatabase(db: RealmDb): Promise<unknown> {
  return db.read((reader) => reader.select({ id: realm.id }).from(realm).limit(1), "primary");
}

async function stateOf(ctx: Ctx, name: string, ask: () => Promise<unknown>): Promise<ServiceState> {
  const late = () => new Error(`no answer within ${TIMEOUT_MS} ms`);
  try {
    await inTime(ask(), TIMEOUT_MS, late);
    return "ok";
  } catch (error) {
    ctx.log.error("part is down", { part: name, ...errorFields(error) });
    return "down";
  }
}

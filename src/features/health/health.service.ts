import type { Ctx } from "../../platform/context.ts";
import { inTime } from "../../platform/in-time.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { platformCtx, type RealmDb, realm } from "../../platform/tenancy/index.ts";

/** How long a part may take to answer, in ms. One in trouble often does not fail, but hang. */
const CONTROL_TIMEOUT_MS = 1_000;

export type ServiceState = "ok" | "down";

/** State of each part that an answer may need, without a word on why. */
export interface Health {
  readonly status: "ok" | "degraded";
  readonly services: Readonly<Record<string, ServiceState>>;
}

/** Asks every part once. */
export async function check(ctx: Ctx): Promise<Health> {
  const parts: Record<string, RealmDb> = { control_database: platformCtx(ctx).db };
  if (ctx.realm.slug !== null) parts.tenant_database = ctx.db;
  const states = await Promise.all(
    Object.entries(parts).map(async ([name, db]) => [name, await ask(ctx, name, db)] as const),
  );
  const healthy = states.every(([, state]) => state === "ok");
  return { status: healthy ? "ok" : "degraded", services: Object.fromEntries(states) };
}

async function ask(ctx: Ctx, name: string, db: RealmDb): Promise<ServiceState> {
  try {
    const asked = db.read(
      (reader) => reader.select({ id: realm.id }).from(realm).limit(1),
      "primary",
    );
    await inTime(
      asked,
      CONTROL_TIMEOUT_MS,
      () => new Error(`no answer within ${CONTROL_TIMEOUT_MS} ms`),
    );
    return "ok";
  } catch (error) {
    ctx.log.error("part is down", { part: name, ...errorFields(error) });
    return "down";
  }
}

/** By which index integrations are watched at a tenant with a million webhooks and signals. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { reviewDeadLetters } from "../../../src/features/integrations/review.service.ts";
import { watchIntegrations } from "../../../src/features/integrations/watch.service.ts";
import { receiveDeadLetter } from "../../../src/features/webhooks/dead-letters.service.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { addCalled, fresh } from "../../support/called-services.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { failing } from "../../support/drains.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";

const ABOUT = /\b(webhook_(events|payloads|attempts)|signals|signal_changes)\b/;
/** Tables that grow with what happens, and the names that queries give to them. */
const LARGE = /^SCAN (webhook_(events|payloads|attempts)|event|signals|told|signal_changes)\b/;
const PAYLOADS = /webhook_payloads/;

describe("by an index go", () => {
  const { bindings, plansOf } = watchPlans();
  let house: QuietHouse;
  let env: Bindings;
  beforeAll(async () => {
    house = await quietHouse({ max_attempts: 1 });
    env = { ...house.worker.env, ...bindings } as Bindings;
  });

  const inside = async (run: (ctx: TenantCtx) => Promise<unknown>) =>
    run(await tenantCtx(house.tenant.slug, env));
  const die = async () => {
    const id = await house.accept(fresh("dead"));
    await house.drain(failing);
    return id;
  };
  const change = (sql: string) => house.database.prepare(sql).run();

  /** Of a dead letter that nobody was told of, and of one that is there no more. */
  const review = async () => {
    await inside(async (ctx) => receiveDeadLetter(ctx, { item: await die() }));
    await change("DELETE FROM signal_changes");
    await change("DELETE FROM signals");
    await inside(reviewDeadLetters);
    await change("UPDATE webhook_events SET status = 'archived'");
    await inside(reviewDeadLetters);
  };
  /** Of a service that cannot be reached, and is called no more. */
  const watch = async () => {
    const service = await addCalled(house.tenant, {
      retry: { max_attempts: 1 },
      breaker: { minimum_calls: 1 },
    });
    await service.request({ method: "POST", path: `/cut/${fresh("cut")}` });
    await inside(watchIntegrations);
    await service.ask("DELETE", "");
    await inside(watchIntegrations);
  };

  it.each<[string, () => Promise<unknown>, ...string[]]>([
    [
      "a dead letter's burial and signal",
      () => inside(async (ctx) => receiveDeadLetter(ctx, { item: await die() })),
      "webhook_events_1 (id=?)",
      "signals_kind (kind=? AND opened_at>?)",
      "signals_dedupe (dedupe_key=?)",
    ],
    [
      "a review of dead letters",
      review,
      "webhook_events USING COVERING INDEX webhook_events_dead (service>?)",
      "webhook_events_dead (service=? AND buried_at>?)",
      "webhook_events_dead (service=?)",
      "signals_dedupe (dedupe_key=?)",
      "signals_told (dedupe_key=? AND resolved_at>?)",
      "signals_kind (kind=?)",
    ],
    [
      "a visit to integrations",
      watch,
      "signals_kind (kind=?)",
      "signals_dedupe (dedupe_key=?)",
      "signals_told (dedupe_key=? AND resolved_at>?)",
    ],
  ])("%s", async (_, run, ...indexes) => {
    const plans = await plansOf(run, ABOUT);
    expectPlans(plans, { indexes, large: LARGE });
    for (const { sql } of plans) expect(sql).not.toMatch(PAYLOADS);
  });
});

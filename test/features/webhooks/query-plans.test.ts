/** By which index the queries go that a tenant with a million events asks: none reads a table through. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { hasEvent } from "../../../src/features/events/index.ts";
import { receiveDeadLetter } from "../../../src/features/webhooks/dead-letters.service.ts";
import { drain } from "../../../src/features/webhooks/drain.service.ts";
import { findByDedupeKey } from "../../../src/features/webhooks/receive.repository.ts";
import { retain } from "../../../src/features/webhooks/retain.service.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { newId } from "../../../src/platform/ids.ts";
import { visitTenants } from "../../../src/platform/tenancy/index.ts";
import { jobCtx, tenantCtx } from "../../support/ctx.ts";
import { failing } from "../../support/drains.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { openWorker } from "../../support/worker.ts";

/** Tables that grow with what a tenant receives, and the names that queries give to them. */
const LARGE =
  /^SCAN (webhook_(events|payloads|attempts|batches|rejections)|events|event|earlier|flying|tenants)\b/;
/** What one consumer holds, and what came of one webhook, are few. */
const FEW = /webhook_events_lease|events_source_id/;

/** Which queries a case is about. */
const WEBHOOKS = /webhook_(events|payloads|attempts|batches|rejections)/;
const EVENTS = /from .events./;

describe("by an index go", () => {
  let house: QuietHouse;
  let env: Bindings;
  let dead: string;
  const { bindings: watched, plansOf } = watchPlans();
  beforeAll(async () => {
    house = await quietHouse({ max_attempts: 1 });
    env = { ...house.worker.env, ...watched };
    dead = await house.accept("dead");
    await house.drain(failing);
    await house.database.prepare("UPDATE webhook_events SET told_at = 1").run();
    house.sent();
  });

  const drainOne = async () => {
    await house.accept(newId("event"));
    await inside((ctx) => drain(ctx, {}, { ...failing, random: () => 0.5 }));
  };
  const inside = async (run: (ctx: TenantCtx) => Promise<unknown>) =>
    run(await tenantCtx(house.tenant.slug, env));
  const ask = async (path: string, method = "GET", body?: unknown) => {
    const url = `${house.tenant.api}${path}`;
    const reply = await openWorker(env).call(method, url, {
      token: house.tenant.admin.token,
      body,
    });
    expect(reply.status, reply.text).toBeLessThan(300);
    return reply;
  };
  const list = (path: string) => () => ask(path);
  const T = "2026-01-01T00:00:00Z";
  const replay = (body: unknown) => () => ask("/webhooks/dead-letters/replay", "POST", body);
  /** What is done by the clock when everything is old. */
  const retainOld = async () => {
    await house.database.batch([
      house.database.prepare("UPDATE webhook_events SET status = 'completed', ended_at = 1"),
      house.database.prepare("INSERT INTO webhook_batches VALUES ('a', 'b', 1)"),
      house.database.prepare("INSERT INTO webhook_rejections VALUES (1, 'a', 'b', 1, 1, 1)"),
    ]);
    await inside(retain);
    await inside(retain);
  };

  it.each<[string, () => Promise<unknown>, RegExp, ...string[]]>([
    [
      "a drain that tells the dead-letter queue",
      () => inside((ctx) => drain(ctx, {})),
      WEBHOOKS,
      "webhook_events_due (replay=? AND due_at<?)",
      "webhook_events_unburied (told_at<?)",
      "webhook_events_unburied (told_at=?)",
    ],
    [
      "a drain that takes events",
      drainOne,
      WEBHOOKS,
      "webhook_events_due (replay=? AND due_at<?)",
      "webhook_events_lease (lease=?)",
    ],
    [
      "a dead letter's burial",
      () => inside((ctx) => receiveDeadLetter(ctx, { item: dead })),
      WEBHOOKS,
      "(id=?)",
    ],
    [
      "repeats",
      () => inside((ctx) => findByDedupeKey(ctx.db, "a", ["b"])),
      WEBHOOKS,
      "webhook_events_dedupe (service=? AND dedupe_key=?)",
    ],
    [
      "all received events",
      list("/webhooks/events"),
      WEBHOOKS,
      "SCAN webhook_events USING INDEX sqlite_autoindex_webhook_events_1",
    ],
    ["those of a time", list(`/webhooks/events?from=${T}&to=${T}`), WEBHOOKS, "(id>? AND id<?)"],
    [
      "those of a status and time",
      list(`/webhooks/events?status=completed&from=${T}`),
      WEBHOOKS,
      "webhook_events_status (status=? AND id>?)",
    ],
    [
      "those of a service and time",
      list(`/webhooks/events?service=x&to=${T}`),
      WEBHOOKS,
      "webhook_events_service (service=? AND id<?)",
    ],
    [
      "those of a type and time",
      list(`/webhooks/events?type=x&from=${T}`),
      WEBHOOKS,
      "webhook_events_type (type=? AND id>?)",
    ],
    [
      "those of a service that failed",
      list("/webhooks/events?status=failed&service=x&type=x"),
      WEBHOOKS,
      "webhook_events_status (status=?)",
    ],
    ["one received event", () => ask(`/webhooks/events/${dead}`), WEBHOOKS, "(id=?)"],
    [
      "the health",
      list("/webhooks/health"),
      WEBHOOKS,
      "webhook_events_due (replay=? AND due_at<?)",
      "webhook_events_status (status=?)",
    ],
    [
      "counting dead letters",
      replay({ dry_run: true, from: T, service: "x" }),
      WEBHOOKS,
      "webhook_events_status (status=? AND id>?)",
    ],
    [
      "replaying dead letters",
      replay({ to: T, type: "x" }),
      WEBHOOKS,
      "webhook_events_status (status=? AND id<?)",
    ],
    [
      "rejections",
      list("/webhooks/rejections"),
      WEBHOOKS,
      "SCAN webhook_rejections USING INDEX sqlite_autoindex_webhook_rejections_1",
    ],
    [
      "retention",
      retainOld,
      WEBHOOKS,
      "webhook_events_ended (status=? AND ended_at<?)",
      "webhook_batches_received_at (received_at<?)",
      "webhook_rejections_1 (hour<?)",
      "webhook_payloads_1 (event_id=?)",
      "webhook_attempts_1 (event_id=?)",
    ],
    [
      "all that happened",
      list("/events"),
      EVENTS,
      "SCAN events USING INDEX sqlite_autoindex_events_1",
    ],
    [
      "what happened about a subject",
      list("/events?subject=x"),
      EVENTS,
      "events_subject (subject=?)",
    ],
    ["what happened of a type", list("/events?type=x"), EVENTS, "events_type (type=?)"],
    [
      "what came of a webhook",
      list("/events?source_id=x"),
      EVENTS,
      "events_source_id (source_id=?)",
    ],
    [
      "what happened at a time",
      list(`/events?from=${T}&to=${T}&type=x`),
      EVENTS,
      "events_type_time (type=? AND occurred_at>? AND occurred_at<?)",
    ],
    [
      "what was told",
      () => inside((ctx) => hasEvent(ctx.db, { source: "a", subject: "b", type: "c" })),
      EVENTS,
      "events_told (source=? AND subject=? AND type=?)",
    ],
    [
      "visits",
      () => visitTenants(jobCtx(env), { which: "all", after: "" }, async () => {}),
      /tenants/,
      "tenants_cell (cell=? AND id>?)",
    ],
    [
      "visits of active tenants",
      () => visitTenants(jobCtx(env), { which: "active", after: "" }, async () => {}),
      /tenants/,
      "tenants_cell (cell=? AND id>?)",
    ],
  ])("%s", async (_, run, about, ...indexes) => {
    const plans = await plansOf(run, about);
    // A list of all is read from its end, by the index that it is ordered by.
    const fine = (line: string) => indexes.includes(line);
    expectPlans(plans, { indexes, large: LARGE, few: FEW, fine });
  });
});

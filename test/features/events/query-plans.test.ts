/** By which index the lists of events go, and what drops the old ones, at a tenant with a million. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { eventChores } from "../../../src/features/events/index.ts";
import { retain } from "../../../src/features/events/retain.service.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { addActor } from "../../support/actors.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { openWorker, bindings as own } from "../../support/worker.ts";

const T = "2026-01-01T00:00:00Z";
const ACTOR = "actor_01jdn2z7q5e8t9v0w1x2y3z4a5";
const LARGE = /^SCAN (events|old|actors?)$/;

describe("by an index go", () => {
  const { bindings, plansOf } = watchPlans();
  const env = { ...own, ...keptQueues().bindings, ...bindings } as Bindings;
  let tenant: TestTenant;
  let actor: string;
  beforeAll(async () => {
    tenant = await newTenant();
    actor = await addActor(tenant);
  });

  const ask = async (method: string, path: string, body?: unknown) => {
    const { token } = tenant.admin;
    const reply = await openWorker(env).call(method, `${tenant.api}${path}`, { token, body });
    expect(reply.status, reply.text).toBeLessThan(300);
    return reply;
  };
  const list = (query: string) => async () => {
    const { json } = await ask("GET", `/events?limit=1&${query}`);
    // The second page goes by the same index.
    if (json.next_cursor === null) return;
    await ask("GET", `/events?limit=1&${query}&cursor=${encodeURIComponent(json.next_cursor)}`);
  };
  const event = () => ({ actor_id: actor, event_type: "t", subject: "s", metadata: { n: 1 } });
  const inside = async (run: (ctx: TenantCtx) => Promise<unknown>) =>
    run(await tenantCtx(tenant.slug, env));
  const retainOld = async () => {
    await inside((ctx) =>
      retain({ ...ctx, settings: { ...ctx.settings, EVENT_DAYS: -1 } as TenantCtx["settings"] }),
    );
  };

  it.each<[string, () => Promise<unknown>, ...string[]]>([
    ["recording one", () => ask("POST", "/events", event()), "actors_active (active=? AND id=?)"],
    [
      "recording many",
      () => ask("POST", "/events/batch", { events: [event(), event(), event()] }),
      "actors_active (active=? AND id=?)",
    ],
    ["all", list(""), "SCAN events USING INDEX sqlite_autoindex_events_1"],
    ["those of a time", list(`from=${T}`), "events_occurred_at (occurred_at>?"],
    ["those of a type", list("type=t"), "events_type (type=?"],
    ["those of a type and time", list(`type=t&from=${T}`), "events_type_time (type=? AND occurr"],
    ["those of an actor", list(`actor_id=${ACTOR}`), "events_actor (actor_id=?"],
    [
      "those of an actor and time",
      list(`actor_id=${ACTOR}&from=${T}&to=${T}`),
      "events_actor_time (actor_id=? AND occurred_at>? AND occurred_at<?)",
    ],
    ["those of an actor and type", list(`actor_id=${ACTOR}&type=t`), "events_actor (actor_id=?"],
    [
      "those of an actor, type and time",
      list(`actor_id=${ACTOR}&type=t&to=${T}`),
      "events_actor_time (actor_id=? AND occurred_at<?)",
    ],
    ["those about a subject", list(`subject=s&type=t&actor_id=${ACTOR}`), "events_subject (sub"],
    ["what came of one request", list("source_id=x&type=t"), "events_source_id (source_id=?)"],
    [
      "looking for old ones",
      () => inside(async (ctx) => eventChores[0]?.run(ctx)),
      "COVERING INDEX sqlite_autoindex_events_1 (id<?)",
    ],
    ["dropping old ones", retainOld, "COVERING INDEX sqlite_autoindex_events_1 (id<?)"],
  ])("%s", async (_, run, ...indexes) => {
    const plans = await plansOf(run, /\bevents\b/);
    expectPlans(plans, { indexes, large: LARGE, few: /events_source_id/ });
  });
});

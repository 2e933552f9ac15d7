/** By which index the queries go at a tenant with a million deliveries: none reads a table through. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { deliver } from "../../../src/features/destinations/deliver.service.ts";
import { retain } from "../../../src/features/destinations/retain.service.ts";
import { findEvent } from "../../../src/features/events/index.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { newId } from "../../../src/platform/ids.ts";
import { tenantCtx } from "../../support/ctx.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  type TestDestination,
} from "../../support/destinations.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { openWorker } from "../../support/worker.ts";

const ABOUT = /\b(deliveries|delivery_attempts|destination_secrets)\b/;
/** Tables that grow with what happens, and the names that queries give to them. */
const LARGE = /^SCAN (deliveries|delivery_attempts|destination_secrets|waiting|kept|left_over)\b/;
/** A destination's secrets, what one consumer holds and what it looks for are few. */
const FEW = /destination_secrets|deliveries_lease|SCAN place/;
const T = "2026-01-01T00:00:00Z";

describe("by an index go", () => {
  const { bindings, plansOf } = watchPlans();
  let house: DeliveryHouse;
  let destination: TestDestination;
  let env: Bindings;
  let delivery: string;
  beforeAll(async () => {
    house = await deliveryHouse();
    env = { ...house.worker.env, ...bindings } as Bindings;
    destination = await house.addDestination();
    await house.happen();
    await house.deliver();
    delivery = (await house.deliveries(destination))[0].id;
  });

  const inside = async (run: (ctx: TenantCtx) => Promise<unknown>) =>
    run(await tenantCtx(house.tenant.slug, env));
  const ask = async (method: string, path: string, body?: unknown) => {
    const url = `${house.tenant.api}${destination.path}${path}`;
    const { token } = house.tenant.admin;
    const reply = await openWorker(env).call(method, url, { token, body });
    expect(reply.status, reply.text).toBeLessThan(300);
  };
  const list = (query: string) => () => ask("GET", `/deliveries${query}`);
  const resend = (body: unknown) => () => ask("POST", "/resend", body);
  const findDue = () => inside((ctx) => deliver(ctx, {}, { findEvent, random: () => 0.5 }));
  /** An attempt that ends in this way. */
  const attempt = (status: number) => async () => {
    await destination.receiver.set({ answers: [{ status }] });
    await house.happen();
    await findDue();
  };
  const record = async () => {
    await house.accept(`recorded-${newId("event")}`);
    const { drain } = await import("../../../src/features/webhooks/drain.service.ts");
    await inside((ctx) => drain(ctx, {}));
    await house.deliver();
  };
  const set = (columns: string) =>
    house.database
      .prepare(`UPDATE destinations SET ${columns} WHERE id = ?`)
      .bind(destination.id)
      .run();
  const paused = async () => {
    const other = await house.addDestination();
    await house.happen();
    await set(`paused_until = ${Date.now() + 60_000}`);
    await findDue();
    await set("paused_until = NULL");
    await house.ask("DELETE", other.path);
  };
  const stranded = async () => {
    await house.happen();
    await set("status = 'disabled'");
    await findDue();
    await set("status = 'enabled'");
  };
  /** What is done by the clock when everything is old, and a destination was deleted. */
  const retainOld = async () => {
    const gone = await house.addDestination();
    await house.happen();
    await house.deliver();
    await house.ask("DELETE", gone.path);
    await house.database.prepare("UPDATE destination_secrets SET expires_at = 1").run();
    await house.database
      .prepare("UPDATE deliveries SET ended_at = 1 WHERE destination_id = ?")
      .bind(destination.id)
      .run();
    await inside(retain);
  };

  it.each<[string, () => Promise<unknown>, ...string[]]>([
    ["a drain that finds nothing", findDue, "deliveries_due (destination_id=? AND due_at<?)"],
    [
      "an event's fan-out, and whether to ring for it",
      record,
      "deliveries_due (destination_id=? AND due_at<?)",
    ],
    [
      "a drain that delivers",
      attempt(200),
      "deliveries_due (destination_id=? AND due_at<?)",
      "deliveries_due (destination_id=? AND due_at>?)",
      "deliveries_lease (lease=?)",
      "destination_secrets_destination (destination_id=?)",
      "delivery_attempts_1 (delivery_id=?",
    ],
    [
      "a drain while its destination is paused",
      paused,
      "deliveries_due (destination_id=? AND due_at>?)",
    ],
    [
      "ending what waits for one that was disabled",
      stranded,
      "deliveries_status (destination_id=? AND status=?)",
    ],
    ["all deliveries", list(""), "deliveries_destination (destination_id=?)"],
    [
      "those of a status",
      list("?status=failed"),
      "deliveries_status (destination_id=? AND status=?)",
    ],
    ["those of a type", list("?event_type=x"), "deliveries_type (destination_id=? AND type=?)"],
    [
      "those of a type that arrived",
      list("?event_type=x&status=delivered"),
      "deliveries_type (destination_id=? AND type=?)",
    ],
    [
      "those of a type that failed",
      list("?event_type=x&status=failed"),
      "deliveries_status (destination_id=? AND status=?)",
    ],
    [
      "one with its attempts",
      () => ask("GET", `/deliveries/${delivery}`),
      "(id=?)",
      "delivery_attempts_1 (delivery_id=?)",
    ],
    ["sending one again", () => ask("POST", `/deliveries/${delivery}/resend`), "(id=?)"],
    [
      "counting what failed",
      resend({ dry_run: true, from: T }),
      "deliveries_status (destination_id=? AND status=? AND id>?)",
    ],
    [
      "sending what arrived again",
      resend({ status: "delivered", event_type: "order.placed" }),
      "deliveries_type (destination_id=? AND type=?)",
      "(id=?)",
    ],
    [
      "disabling one",
      () => ask("PUT", "", { status: "disabled" }),
      "deliveries_status (destination_id=? AND status=?)",
    ],
    ["enabling it again", () => ask("PUT", "", { status: "enabled" }), "destination_secrets"],
    ["one that says it is gone", attempt(410), "deliveries_status (destination_id=? AND status=?)"],
    [
      "retention",
      retainOld,
      "deliveries_ended (ended_at<?)",
      "destination_secrets_expires_at (expires_at<?)",
      "delivery_attempts_1 (delivery_id=?)",
    ],
  ])("%s", async (_, run, ...indexes) => {
    const plans = await plansOf(run, ABOUT);
    expectPlans(plans, { indexes, large: LARGE, few: FEW });
  });
});

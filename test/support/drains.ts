/** What the tests of draining share. */
import { expect } from "vitest";
import { EventError } from "../../src/features/webhooks/handling.ts";
import { Failure } from "../../src/platform/problems.ts";
import { handling, NOTHING, type QuietHouse } from "./quiet-house.ts";
import { eventOf, signed } from "./webhooks.ts";

export const DRAIN = "webhooks.drain";
export const fine = handling(async () => NOTHING);
export const failing = handling(async () => {
  throw new EventError("It is not to be.");
});
/** As if the isolate had ended: the attempt began and nobody says how it went. */
export const dying = handling(async () => {
  throw new Failure("database-unavailable");
});

export async function statusOf(house: QuietHouse, ids: readonly string[]): Promise<string[]> {
  const rows = await house.database.prepare("SELECT id, status FROM webhook_events").raw();
  const known = new Map(rows.map(([id, status]) => [String(id), String(status)]));
  return ids.map((id) => known.get(id) ?? "unknown");
}

/** Has so many events accepted, a moment after each other. */
export async function acceptMany(
  house: QuietHouse,
  clock: { pass(ms: number): void },
  count: number,
  name = "many",
): Promise<string[]> {
  const names = Array.from({ length: count }, (_, nth) => eventOf(house.service, `${name}-${nth}`));
  const delivery = await signed(house.service, `[${names.join()}]`, { path: "/batch" });
  const reply = await house.worker.call("POST", delivery.url, {
    raw: delivery.body,
    headers: delivery.headers,
  });
  expect(reply.status, reply.text).toBe(202);
  const ids: string[] = reply.json.results.map((each: { event_id: string }) => each.event_id);
  await house.database
    .prepare(
      `UPDATE webhook_events SET due_at = due_at + nth.key, received_at = received_at + nth.key
        FROM json_each(?) AS nth WHERE nth.value = webhook_events.id`,
    )
    .bind(JSON.stringify(ids))
    .run();
  clock.pass(count);
  house.sent();
  return ids;
}

/** The doorbells that were rung, without what all of them have in common; a token is "token". */
export function rung(house: QuietHouse) {
  return house.sent().map(({ queue, body, delaySeconds }) => {
    const { job, tenant_id, slug, again, ...rest } = body;
    const more = again === undefined ? rest : { ...rest, again: again === true ? again : "token" };
    expect([tenant_id, slug]).toEqual([house.tenant.id, house.tenant.slug]);
    return [queue === "doorbells" ? job : `${queue} ${job}`, more, delaySeconds];
  });
}

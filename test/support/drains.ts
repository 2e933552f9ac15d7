/** What the tests of draining share. */
import { expect } from "vitest";
import { EventError } from "../../src/features/webhooks/handling.ts";
import { Failure } from "../../src/platform/problems.ts";
import { handling, NOTHING, type QuietHouse } from "./quiet-house.ts";

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
  return Promise.all(ids.map(async (id) => (await house.event(id)).status));
}

/** Has so many events accepted, a moment after each other. */
export async function acceptMany(
  house: QuietHouse,
  clock: { pass(ms: number): void },
  count: number,
): Promise<string[]> {
  const ids: string[] = [];
  for (let nth = 0; nth < count; nth++) {
    ids.push(await house.accept(`many-${nth}`));
    clock.pass(1);
  }
  house.sent();
  return ids;
}

/** The doorbells that were rung, without what all of them have in common. */
export function rung(house: QuietHouse) {
  return house.sent().map(({ queue, body, delaySeconds }) => {
    const { job, tenant_id, slug, ...more } = body;
    expect([tenant_id, slug]).toEqual([house.tenant.id, house.tenant.slug]);
    return [queue === "doorbells" ? job : `${queue} ${job}`, more, delaySeconds];
  });
}

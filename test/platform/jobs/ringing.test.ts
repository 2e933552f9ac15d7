/** Doorbells that cannot be rung: the sweeper hears of it. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { ringJob } from "../../../src/platform/jobs/ring-drain.ts";
import { brokenControl } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { HOUR, standingClock } from "../../support/clock.ts";
import { jobCtx } from "../../support/ctx.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { registryOf } from "../../support/worker.ts";

standingClock({ between: 3 * HOUR });
const WORK = { name: "t.work", queue: "doorbells" } as const;

describe("a doorbell that cannot be rung", () => {
  let house: QuietHouse;
  beforeAll(async () => {
    house = await quietHouse();
  });
  beforeEach(() => house.breakQueues("Queue is down"));
  const activeAt = async () => (await registryOf(house.tenant.slug))?.active_at;

  it("has the tenant said to be active, so that the sweeper comes within a minute", async () => {
    expect(await activeAt()).toBeNull();
    await ringJob(await house.ctx(), WORK);
    expect(await activeAt()).toBe(Date.now());
    house.breakQueues(null);
    expect(house.sent()).toEqual([]);
  });

  it("also when the platform rings at somebody's door", async () => {
    const ctx = jobCtx(house.worker.env);
    await ringJob(ctx, WORK, { house: house.tenant });
    expect(await activeAt()).toBe(Date.now());
  });

  it("fails nothing, though the registry does not answer either", async () => {
    const ctx = jobCtx({ ...house.worker.env, ...brokenControl() } as Bindings);
    const { entries } = await captureLogs(() => ringJob(ctx, WORK, { house: house.tenant }));
    expect(entries.map(({ message }) => message)).toEqual(
      expect.arrayContaining(["doorbell not rung", "activity not said"]),
    );
  });

  it("leaves the bookmark of the tenant's database to the answer", async () => {
    const accept = async () =>
      (await house.post(`{"id":"${crypto.randomUUID()}","type":"t"}`)).headers;
    house.breakQueues(null);
    const usual = (await accept()).get("x-d1-bookmark");
    house.breakQueues("Queue is down");
    const marked = (await accept()).get("x-d1-bookmark");
    expect(await activeAt()).toBe(Date.now());
    // Whose bookmark it is only its reader can tell: one of another realm is ignored.
    const { readBookmark } = await import("../../../src/platform/tenancy/bookmarks.ts");
    const { settings } = await house.ctx();
    const own = (text: string | null) => readBookmark(settings.MASTER_KEY, house.tenant.id, text);
    expect(await own(usual)).not.toBeNull();
    expect(await own(marked)).not.toBeNull();
  });
});

/** Objects that are not to be reached: a little is admitted, never without limit. */
import { beforeAll, describe, expect, it } from "vitest";
import { captureLogs } from "../../support/captured-logs.ts";
import { newTenant, problemOf, type Reply, type TestTenant } from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { ask, perMinute, plansWith, unreachableObjects } from "../../support/limits.ts";
import { kept, rejections } from "../../support/turned-away.ts";
import { addService, eventOf, signed } from "../../support/webhooks.ts";
import { openWorker } from "../../support/worker.ts";

describe("limits whose keeper does not answer", () => {
  const clock = standingClock({ between: 65 * SECOND });
  const settings = {
    ...plansWith({
      standard: { tenant: perMinute(1_000), user: perMinute(500), webhooks: perMinute(300) },
    }),
    ANONYMOUS_PER_MINUTE: "200",
  };
  const alone = openWorker({ ...settings, ...unreachableObjects() });
  const whole = openWorker(settings);
  let house: TestTenant;
  beforeAll(async () => {
    house = await newTenant("unheard");
  });

  const times = async (count: number, run: () => Promise<Reply>): Promise<Reply[]> => {
    const replies: Reply[] = [];
    for (let nth = 0; nth < count; nth++) replies.push(await run());
    return replies;
  };
  const admitted = (replies: readonly Reply[]) =>
    replies.filter(({ status }) => status < 400).length;
  function expectOverloaded(reply: Reply | undefined): void {
    expect([reply?.status, reply && problemOf(reply)]).toEqual([503, "overloaded"]);
    expect(reply?.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(reply?.text).not.toMatch(/object|lost|RATE|tenant:/i);
  }

  it("admit a hundredth of it in a window, then answer 503", async ({ task }) => {
    const { result, entries } = await captureLogs(() => times(30, () => ask(alone, house)));
    // Of two limits the smaller allowance counts: 5 of the user's 500.
    expect(admitted(result)).toBe(5);
    expectOverloaded(result.at(-1));
    const causes = entries.filter(({ level }) => level === "error" || level === "warn");
    expect(JSON.stringify(causes)).toContain("Network connection lost.");
    clock.pass(30 * SECOND);
    expect(admitted(await times(5, () => ask(alone, house)))).toBe(0);
    clock.pass(31 * SECOND);
    const later = admitted(await times(30, () => ask(alone, house)));
    expect(later).toBe(5);
    showFigures(task, `  of 500 a minute: 5 in the first, ${later} in the second`);
  });

  it("admit as before when it answers again", async () => {
    expectOverloaded((await times(10, () => ask(alone, house))).at(-1));
    clock.pass(2 * SECOND);
    expect((await ask(whole, house)).status).toBe(200);
  });

  it("hold for addresses, but never keep /health and /ready from telling what is down", async () => {
    const ip = "198.51.100.210";
    const get = (path: string) => alone.call("GET", `${house.origin}${path}`, { ip });
    const pages = await times(10, () => get("/docs"));
    expect(admitted(pages)).toBe(2);
    expectOverloaded(pages.at(-1));
    const health = await times(10, () => get("/health"));
    for (const reply of health) {
      expect([reply.status, reply.json.services.durable_objects]).toEqual([200, "down"]);
    }
    const ready = await get("/ready");
    expect([problemOf(ready), ready.json.detail]).toEqual(["not-ready", "Down: durable_objects."]);
  });

  it("turn webhooks away as a fault of ours, which is no rejection", async () => {
    const service = await addService(house);
    const before = { kept: await kept(house), counts: await rejections(house) };
    let serial = 0;
    const replies = await times(8, async () => {
      const { url, headers, body } = await signed(service, eventOf(service, `unheard-${++serial}`));
      return alone.call("POST", url, { headers, raw: body });
    });
    expect(replies.map(({ status }) => status)).toEqual([202, 202, 202, ...Array(5).fill(503)]);
    expectOverloaded(replies.at(-1));
    expect(Number((await kept(house)).stored?.received)).toBe(
      Number(before.kept.stored?.received) + 3,
    );
    expect(await rejections(house)).toEqual(before.counts);
  });
});

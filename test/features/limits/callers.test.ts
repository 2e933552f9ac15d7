/** What somebody who is signed in passes: the limit of the tenant and that of the user. */
import { beforeAll, describe, expect, it } from "vitest";
import { USUAL_PLANS } from "../../../src/platform/limits/plans.ts";
import {
  addUser,
  type Caller,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import {
  ask,
  countedObjects,
  expectRefused,
  perMinute,
  plansWith,
  told,
} from "../../support/limits.ts";
import { openWorker } from "../../support/worker.ts";

const LARGE = { tenant: perMinute(100_000), user: perMinute(60_000), webhooks: perMinute(1) };

describe("the limits of callers", () => {
  const clock = standingClock({ between: 65 * SECOND });
  const tiny = openWorker(
    plansWith({
      standard: { tenant: perMinute(10), user: perMinute(6), webhooks: perMinute(10) },
    }),
  );
  let house: TestTenant;
  let second: Caller;
  beforeAll(async () => {
    house = await newTenant("limited");
    second = await addUser(house, "user");
  });

  it("count down, refuse, and admit again after Retry-After", async ({ task }) => {
    const left: number[] = [];
    for (let request = 0; request < 6; request++) {
      const reply = await ask(tiny, house);
      expect(reply.status, reply.text).toBe(200);
      const { tenant, user } = told(reply);
      expect([tenant, user]).toMatchObject([
        { quota: 10, window: 60 },
        { quota: 6, window: 60 },
      ]);
      left.push(user?.remaining ?? Number.NaN);
    }
    expect(left).toEqual([5, 4, 3, 2, 1, 0]);
    const seconds = expectRefused(await ask(tiny, house), "user");
    expect(seconds).toBeLessThanOrEqual(61);
    clock.pass((seconds - 1) * SECOND - 1);
    expectRefused(await ask(tiny, house), "user");
    clock.pass(SECOND + 1);
    expect((await ask(tiny, house)).status).toBe(200);
    showFigures(task, `  6 admitted, then ${seconds} s to wait`);
  });

  it("are taken all or none, and a refused request takes nothing", async () => {
    for (let request = 0; request < 6; request++) await ask(tiny, house);
    for (let request = 0; request < 20; request++) expectRefused(await ask(tiny, house), "user");
    // The user's refusals cost the tenant nothing: four are left for somebody else.
    const statuses: number[] = [];
    for (let request = 0; request < 5; request++) {
      statuses.push((await ask(tiny, house, second)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
    expectRefused(await ask(tiny, house, second), "tenant");
    // And the tenant's refusals cost the second user nothing.
    clock.pass(61 * SECOND);
    const after = told(await ask(tiny, house, second));
    expect(after).toMatchObject({ tenant: { remaining: 9 }, user: { remaining: 5 } });
  });

  it("of one tenant are nothing to another", async () => {
    const other = await newTenant("beside");
    for (let request = 0; request < 30; request++) await ask(tiny, house);
    expectRefused(await ask(tiny, house), "user");
    const left = told(await ask(tiny, other));
    expect(left).toMatchObject({ tenant: { remaining: 9 }, user: { remaining: 5 } });
  });

  it("come before the permission, the input and the use case", async () => {
    const url = `${house.api}/users`;
    const options = { token: second.token, raw: "no JSON" };
    expect((await tiny.call("POST", url, options)).status).toBe(403);
    for (let request = 0; request < 5; request++) await ask(tiny, house, second);
    expectRefused(await tiny.call("POST", url, options), "user");
  });

  it("show on answers of every kind", async () => {
    const call = (method: string, path: string, more = {}) =>
      tiny.call(method, `${house.api}${path}`, { token: house.admin.token, ...more });
    const replies = [
      await call("GET", "/users?limit=0"),
      await call("GET", "/users/user_01jdn2z7q5e8t9v0w1x2y3z4a5"),
      await call("POST", "/users", { raw: "{" }),
      await call("DELETE", `/users/${house.admin.id}`),
    ];
    expect(replies.map(({ status }) => status)).toEqual([422, 404, 400, 409]);
    for (const reply of replies) expect(Object.keys(told(reply))).toEqual(["tenant", "user"]);
  });

  it("of operators are the usual plan's for one user", async () => {
    const operator = await newOperator();
    const url = `${PLATFORM_ORIGIN}/api/v1/tenants`;
    for (let request = 0; request < 6; request++) {
      const reply = await tiny.call("GET", url, { token: operator.token });
      expect(reply.status).toBe(200);
      expect(Object.keys(told(reply))).toEqual(["user"]);
    }
    expectRefused(await tiny.call("GET", url, { token: operator.token }), "user");
    const another = await newOperator();
    expect((await tiny.call("GET", url, { token: another.token })).status).toBe(200);
  });

  it.for([
    { pace: "25 a second, under the usual plan", ms: 40, plan: USUAL_PLANS.standard, most: 40 },
    { pace: "1,000 a second", ms: 1, plan: LARGE, most: 20 },
  ])("cost one call of an object at most: 200 at $pace", async ({ ms, plan, most }, { task }) => {
    const objects = countedObjects();
    const usual = openWorker({
      ...plansWith(plan ? { standard: plan } : {}),
      ...objects.bindings,
    });
    await ask(usual, house);
    expect(Object.keys(objects.take())).toEqual([`tenant:${house.id}`]);
    let dearest = 0;
    let sum = 0;
    for (let request = 0; request < 200; request++) {
      clock.pass(ms);
      const reply = await ask(usual, house, request % 2 === 0 ? house.admin : second);
      expect(reply.status, reply.text).toBe(200);
      const calls = Object.values(objects.take()).reduce((all, some) => all + some, 0);
      dearest = Math.max(dearest, calls);
      sum += calls;
    }
    showFigures(task, `  200 requests: ${sum} calls of objects, at most ${dearest} for one`);
    expect(dearest).toBeLessThanOrEqual(1);
    expect(sum).toBeLessThanOrEqual(most);
  });

  it("cost a refused request nothing", async ({ task }) => {
    const objects = countedObjects();
    const counted = openWorker({
      ...plansWith({
        standard: { tenant: perMinute(10), user: perMinute(6), webhooks: perMinute(10) },
      }),
      ...objects.bindings,
    });
    for (let request = 0; request < 7; request++) await ask(counted, house);
    objects.take();
    for (let request = 0; request < 100; request++) {
      expectRefused(await ask(counted, house), "user");
    }
    const calls = objects.take();
    showFigures(task, `  100 refusals: ${Object.keys(calls).length} calls of objects`);
    expect(calls).toEqual({});
  });
});

/** What webhooks are held to: the tenant's own limit when they are genuine, the sender's when not. */
import { beforeAll, describe, expect, it } from "vitest";
import { forgetRoute } from "../../../src/platform/tenancy/directory.ts";
import {
  type Caller,
  type CallOptions,
  newOperator,
  newTenant,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import {
  ask,
  change,
  countedObjects,
  expectPutOff,
  expectRefused,
  perMinute,
  plansWith,
  told,
} from "../../support/limits.ts";
import { kept, rejections } from "../../support/turned-away.ts";
import {
  addService,
  eventOf,
  type SignedDelivery,
  signed,
  type TestService,
} from "../../support/webhooks.ts";
import { type OtherWorker, openWorker, wrapAll } from "../../support/worker.ts";

const PLAN = { tenant: perMinute(100), user: perMinute(100), webhooks: perMinute(5) };

describe("the limits of webhooks", () => {
  const clock = standingClock({ between: 65 * SECOND });
  const objects = countedObjects();
  const trips = { tenant: 0 };
  const databases = wrapAll(() => (_, run) => {
    trips.tenant += 1;
    return run();
  });
  const small = openWorker({
    ...plansWith({ standard: PLAN }),
    FAILURES_PER_MINUTE: "4",
    ANONYMOUS_PER_MINUTE: "3",
    ...objects.bindings,
    ...databases,
  });
  let operator: Caller;
  let house: TestTenant;
  let beside: TestTenant;
  let service: TestService;
  let other: TestService;
  let serial = 0;
  beforeAll(async () => {
    operator = await newOperator();
    house = await newTenant("hooked");
    beside = await newTenant("hooked-beside");
    service = await addService(house, "generic", { slug: "shop" });
    other = await addService(beside, "generic", { slug: "shop" });
  });

  const send = async (to: TestService, more: CallOptions = {}, worker: OtherWorker = small) => {
    const delivery = await signed(to, eventOf(to, `limited-${++serial}`));
    return worker.call("POST", delivery.url, { ...options(delivery), ...more });
  };
  const options = ({ headers, body }: SignedDelivery): CallOptions => ({ headers, raw: body });
  const forge = (to: TestService, more?: CallOptions) =>
    send({ ...to, secret: "whsec_another" }, more);
  const times = async (count: number, run: () => Promise<Reply>): Promise<Reply[]> => {
    const replies: Reply[] = [];
    for (let nth = 0; nth < count; nth++) replies.push(await run());
    return replies;
  };

  it("count down, refuse without storing, and take in again after Retry-After", async ({
    task,
  }) => {
    const before = await kept(house);
    const taken = await times(5, () => send(service));
    expect(taken.map(({ status }) => status)).toEqual(Array(5).fill(202));
    expect(taken.map((reply) => told(reply).webhooks?.remaining)).toEqual([4, 3, 2, 1, 0]);
    const refused = await times(7, () => send(service));
    const waits = refused.map((reply) => expectPutOff(reply, "webhooks"));
    const after = await kept(house);
    expect(Number(after.stored?.received) - Number(before.stored?.received)).toBe(5);
    expect(await rejections(house)).toMatchObject({ "shop quota-exceeded": 7 });
    clock.pass((waits.at(-1) ?? 0) * SECOND);
    expect((await send(service)).status).toBe(202);
    showFigures(task, `  5 taken in, 7 refused and counted, then ${waits.at(-1)} s to wait`);
  });

  it("are apart from the calls of the tenant's own people, and from addresses", async () => {
    objects.take();
    await times(6, () => send(service));
    expect(Object.keys(objects.take())).toEqual([`webhooks:${house.id}`]);
    expect((await ask(small, house)).status).toBe(200);
    const ip = "198.51.100.200";
    const anonymous = await times(4, () => small.call("GET", `${house.origin}/health`, { ip }));
    expectRefused(anonymous.at(-1) as Reply, "anonymous");
    expect((await send(other, { ip })).status).toBe(202);
  });

  it("of one tenant are nothing to another", async () => {
    await times(20, () => send(service));
    expect(told(await send(other)).webhooks?.remaining).toBe(4);
  });

  it("take a batch as one delivery, whatever is in it", async () => {
    const batch = async () => {
      const events = Array.from({ length: 50 }, () => eventOf(service, `batched-${++serial}`));
      const delivery = await signed(service, `[${events.join()}]`, { path: "/batch" });
      return small.call("POST", delivery.url, options(delivery));
    };
    const replies = await times(6, batch);
    expect(replies.map(({ status }) => status)).toEqual([...Array(5).fill(202), 503]);
    expectPutOff(replies.at(-1) as Reply, "webhooks");
  });

  it("hold for a suspended tenant's too", async () => {
    const quiet = await newTenant("hooked-quiet");
    const held = await addService(quiet);
    const url = `http://rowhouse.test/api/v1/tenants/${quiet.id}/suspend`;
    const suspended = await small.call("POST", url, { token: operator.token });
    expect(suspended.status).toBe(200);
    clock.pass(5 * SECOND);
    const replies = await times(6, () => send(held));
    expect(replies.map(({ status }) => status)).toEqual([...Array(5).fill(202), 503]);
  });

  it("are the operator's to change, within 5 seconds", async () => {
    expect(told(await send(service)).webhooks?.quota).toBe(5);
    await change(operator, house, { limits: { webhooks: { limit: 9, window_seconds: 30 } } });
    expect(told(await send(service)).webhooks?.quota).toBe(5);
    clock.pass(5 * SECOND);
    expect(told(await send(service)).webhooks).toMatchObject({ quota: 9, window: 30 });
    await change(operator, house, { limits: null });
  });

  it("end a flood of bad signatures before the next is verified", async ({ task }) => {
    const ip = "198.51.100.201";
    await send(service);
    const bad = await times(5, () => forge(service, { ip }));
    expect(bad.map(({ status }) => status)).toEqual(Array(5).fill(401));
    objects.take();
    clock.pass(6 * SECOND);
    trips.tenant = 0;
    const refused = await times(40, () => forge(service, { ip }));
    for (const reply of refused) expectPutOff(reply, "failures");
    expect([trips.tenant, objects.take()]).toEqual([0, {}]);
    showFigures(task, "  40 refusals: 0 reads, 0 calls of objects");
    // The provider's address is the same everywhere: another tenant, or service, minds nothing of it.
    expect((await send(other, { ip })).status).toBe(202);
    const second = await addService(house, "generic", { slug: "second-shop" });
    expect((await send(second, { ip })).status).toBe(202);
    expect((await send(service, { ip: "198.51.100.202" })).status).toBe(202);
  });

  it("end a flood of services that are none before the database is asked", async () => {
    const ip = "198.51.100.203";
    await send(service);
    const nobody = () =>
      small.call("POST", `${house.api}/webhooks/none-${++serial}`, { ip, raw: "x" });
    expect((await times(5, nobody)).map(({ status }) => status)).toEqual(Array(5).fill(404));
    trips.tenant = 0;
    for (const reply of await times(20, nobody)) expectPutOff(reply, "failures");
    expect(trips.tenant).toBe(0);
    expect((await send(service, { ip })).status).toBe(202);
  });

  it("come in at a tenant that is looked up, whatever its sender calls besides", async () => {
    const ip = "198.51.100.205";
    const dead = (nth: number) =>
      small.call("POST", `http://has-left-${nth}.rowhouse.test/api/v1/webhooks/shop`, {
        ip,
        raw: "x",
      });
    const replies = [await dead(0), await dead(1), await dead(2)];
    expect(replies.map(({ status }) => status)).toEqual([404, 404, 404]);
    for (let nth = 0; nth < 30; nth++) await dead(nth);
    forgetRoute(house.slug);
    expect((await send(service, { ip })).status).toBe(202);
    clock.pass(6 * SECOND);
    forgetRoute(house.slug);
    expect((await send(service, { ip })).status).toBe(202);
  });

  it("do not hold a late delivery against its sender, who has signed it", async () => {
    const ip = "198.51.100.204";
    const late = async () => {
      const at = Date.now() - 3_600_000;
      const delivery = await signed(service, eventOf(service, `late-${++serial}`), { at });
      return small.call("POST", delivery.url, { ...options(delivery), ip });
    };
    expect((await times(8, late)).map(({ status }) => status)).toEqual(Array(8).fill(401));
    expect((await send(service, { ip })).status).toBe(202);
  });

  it("cost an object one call at most, and over 200 deliveries a tenth", async ({ task }) => {
    const large = openWorker({
      ...plansWith({ standard: { ...PLAN, webhooks: perMinute(100_000) } }),
      ...objects.bindings,
    });
    await send(service, {}, large);
    objects.take();
    let dearest = 0;
    let sum = 0;
    for (let nth = 0; nth < 200; nth++) {
      clock.pass(1);
      expect((await send(service, {}, large)).status).toBe(202);
      const calls = Object.values(objects.take()).reduce((all, some) => all + some, 0);
      dearest = Math.max(dearest, calls);
      sum += calls;
    }
    showFigures(task, `  200 deliveries: ${sum} calls of objects, at most ${dearest} for one`);
    expect(dearest).toBeLessThanOrEqual(1);
    expect(sum).toBeLessThanOrEqual(20);
  });
});

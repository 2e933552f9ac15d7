/** What deliveries get that come to the wrong place, or at the wrong time. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { drain } from "../../../src/features/webhooks/drain.service.ts";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { HOUR, MINUTE, SECOND } from "../../support/clock.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { LOST_TEXTS, OVERLOADED_TEXTS, type Trip } from "../../support/d1.ts";
import { kept, rejections, turnedAway } from "../../support/turned-away.ts";
import {
  addService,
  deliver,
  eventOf,
  eventually,
  post,
  type SignedDelivery,
  signed,
  type TestService,
} from "../../support/webhooks.ts";
import { databaseOfTenant, firstValue, openWorker, tick, wrapAll } from "../../support/worker.ts";

let acme: TestTenant;
let other: TestTenant;
let service: TestService;
beforeAll(async () => {
  acme = await newTenant();
  other = await newTenant();
  service = await addService(acme, "generic");
});
afterEach(() => {
  vi.useRealTimers();
});

let made = 0;
const fresh = () => `evt-${++made}`;
const genuine = () => {
  const id = fresh();
  return signed(service, eventOf(service, id), { id });
};

describe("a service", () => {
  const unknown = { status: 404, problem: "not-found", rejection: "null unknown-service" };

  it("that there is not", async () => {
    const { headers, body } = await genuine();
    for (const slug of ["nobody", "generic", "x".repeat(64)]) {
      const url = `${acme.api}/webhooks/${slug}`;
      await turnedAway(acme, () => deliver({ url, headers, body }), unknown);
    }
  });

  it("of another tenant", async () => {
    const theirs = await addService(other, "generic", { slug: "theirs" });
    const body = eventOf(theirs, fresh());
    const delivery = await signed(theirs, body);
    const here = { ...delivery, url: `${acme.api}/webhooks/theirs` };
    const before = await kept(other);
    await turnedAway(acme, () => deliver(here), unknown);
    expect(await kept(other)).toEqual(before);
    expect((await deliver(delivery)).status).toBe(202);
  });

  it("of the same name as another tenant's has its own secret", async () => {
    const name = { slug: "same", secret: "whsec_c2VjcmV0LW9mLW91cnM=" };
    const ours = await addService(acme, "github", name);
    const theirs = await addService(other, "github", { slug: "same" });
    const delivery = await signed(ours, eventOf(ours, fresh()));
    await turnedAway(other, () => deliver({ ...delivery, url: theirs.url }), {
      status: 401,
      problem: "invalid-signature",
      rejection: "same signature-mismatch",
    });
    expect((await deliver(delivery)).status).toBe(202);
  });

  it("that sends no webhooks", async () => {
    await call("POST", `${acme.api}/services`, {
      token: acme.admin.token,
      body: { slug: "silent", name: "Silent" },
    });
    const { headers, body } = await genuine();
    const url = `${acme.api}/webhooks/silent`;
    await turnedAway(acme, () => deliver({ url, headers, body }), unknown);
  });

  it.each(["rejections", "dead-letters", "Stripe", "a%2Fb", "x".repeat(65)])(
    "that there cannot be: %s",
    async (slug) => {
      const { headers, body } = await genuine();
      const url = `${acme.api}/webhooks/${slug}`;
      await turnedAway(acme, () => deliver({ url, headers, body }), {
        ...unknown,
        rejection: null,
      });
    },
  );

  it("is asked for with POST", async () => {
    const reply = await call("PUT", service.url, { body: {} });
    expect([reply.status, reply.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  });
});

it("a thousand rejections are a row an hour and reason, and an audit row a minute", async () => {
  const tenant = await newTenant();
  const service = await addService(tenant, "generic");
  const began = Date.now();
  const reasons = {
    "signature-missing": {},
    "timestamp-missing": { "x-signature": `sha256=${"0".repeat(64)}` },
  };
  for (const headers of Object.values(reasons)) {
    for (let round = 0; round < 20; round++) {
      const bad = Array.from({ length: 25 }, () =>
        call("POST", service.url, { body: {}, headers }),
      );
      expect(new Set((await Promise.all(bad)).map(({ status }) => status))).toEqual(new Set([401]));
    }
  }
  expect(await rejections(tenant)).toEqual({
    [`${service.slug} signature-missing`]: 500,
    [`${service.slug} timestamp-missing`]: 500,
  });
  const { rows, audited, auditRows } = await kept(tenant);
  expect(audited).toBe(1_000);
  const spanned = (unit: number) => Math.floor(Date.now() / unit) - Math.floor(began / unit) + 1;
  expect(rows).toBeLessThanOrEqual(2 * spanned(HOUR));
  expect(auditRows).toBeLessThanOrEqual(spanned(MINUTE));
});

describe("a thousand rejections at once", () => {
  const isCount = ({ kind, sql }: Trip) =>
    kind === "batch" && sql.some((text) => text.startsWith('insert into "webhook_rejections"'));

  it("are counted exactly, in few commits, whatever networks they come from", async () => {
    const tenant = await newTenant();
    const [one, two] = [await addService(tenant), await addService(tenant)];
    let commits = 0;
    const worker = openWorker(
      wrapAll(() => (trip, run) => {
        if (isCount(trip)) commits += 1;
        return run();
      }),
    );
    const urls = [one.url, two.url, `${tenant.api}/webhooks/nobody`];
    const send = (at: number) =>
      worker.call("POST", urls[at % 3] as string, { body: {}, ip: `203.${at % 250}.${at >> 2}.1` });
    const began = Date.now();
    const replies = await Promise.all(Array.from({ length: 1_000 }, (_, at) => send(at)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([401, 404]));
    // Whatever the last commit left behind, the next rejection brings along.
    await send(0);
    expect(await rejections(tenant)).toEqual({
      [`${one.slug} signature-missing`]: 335,
      [`${two.slug} signature-missing`]: 333,
      "null unknown-service": 333,
    });
    expect(commits).toBeLessThan(100);
    const { audited, auditRows } = await kept(tenant);
    expect(audited).toBe(1_001);
    const minutes = Math.floor(Date.now() / MINUTE) - Math.floor(began / MINUTE) + 1;
    expect(auditRows).toBeLessThanOrEqual(3 * minutes);
    const { results } = await (await databaseOfTenant(tenant.slug))
      .prepare(
        `SELECT DISTINCT principal, target, json_extract(data, '$.ip') AS ip FROM audit_log
          JOIN audit_private ON audit_id = id WHERE action = 'webhook.rejected' ORDER BY target`,
      )
      .all();
    const principal = "job:webhooks.receive";
    expect(results).toEqual(
      [null, ...[one.slug, two.slug].sort()].map((target) => ({ principal, target, ip: "" })),
    );
  });

  it("wait for a commit that hangs, but not for ever", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const tenant = await newTenant();
    const service = await addService(tenant);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let hanging = 0;
    const worker = openWorker(
      wrapAll(() => async (trip, run) => {
        if (isCount(trip) && hanging === 0) {
          hanging += 1;
          await gate;
        }
        return run();
      }),
    );
    const send = async () =>
      expect((await worker.call("POST", service.url, { body: {} })).status).toBe(401);
    const counted = async () => (await rejections(tenant))[`${service.slug} signature-missing`];
    const first = send();
    await vi.waitFor(() => expect(hanging).toBe(1));
    await send();
    expect(await counted()).toBeUndefined();
    vi.setSystemTime(Date.now() + 10 * SECOND);
    await send();
    expect(await counted()).toBe(2);
    open();
    await first;
    expect(await counted()).toBe(3);
    await send();
    expect(await counted()).toBe(4);
  });

  it("that the database does not take are counted when it does", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant);
    let broken = true;
    const worker = openWorker(
      wrapAll(
        () => (trip, run) =>
          broken && isCount(trip) ? Promise.reject(new Error(OVERLOADED_TEXTS[0])) : run(),
      ),
    );
    const send = () => worker.call("POST", service.url, { body: {} });
    for (let at = 0; at < 3; at++) expect((await send()).status).toBe(401);
    expect(await rejections(tenant)).toEqual({});
    broken = false;
    await send();
    expect(await rejections(tenant)).toEqual({ [`${service.slug} signature-missing`]: 4 });
  });
});

describe("a tenant", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  const move = async (tenant: TestTenant, method: string, path: string) => {
    const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}${path}`;
    const reply = await call(method, url, { token: operator.token });
    expect(reply.status, reply.text).toBeLessThan(300);
  };

  it("that is suspended has its events stored and held until it is activated", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant, "stripe");
    await eventually(tenant, (await post(service, "before")).json.event_id, "completed");
    await move(tenant, "POST", "/suspend");
    const held = await post(service, "held");
    expect([held.status, held.json.status]).toEqual([202, "accepted"]);
    expect((await post(service, "held")).json).toEqual({ ...held.json, status: "duplicate" });
    const database = await databaseOfTenant(tenant.slug);
    const state = () =>
      database
        .prepare("SELECT status, attempts FROM webhook_events WHERE id = ?")
        .bind(held.json.event_id)
        .first();
    await drain(await tenantCtx(tenant.slug), {});
    await tick();
    await drain(await tenantCtx(tenant.slug), { again: true });
    expect(await state()).toEqual({ status: "pending", attempts: 0 });
    expect((await kept(tenant)).stored).toMatchObject({ received: 2, payloads: 2 });
    expect(await firstValue(database, "SELECT count(*) FROM events")).toBe(1);
    await move(tenant, "POST", "/activate");
    await tick();
    const done = await eventually(tenant, held.json.event_id, "completed");
    expect(done).toMatchObject({ attempts: 1 });
    expect(await firstValue(database, "SELECT count(*) FROM events")).toBe(2);
  });

  it("that is suspended turns away what it would turn away otherwise", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant, "stripe");
    await move(tenant, "POST", "/suspend");
    const forged = { ...service, secret: "another" };
    const reply = await post(forged, "forged");
    expect([reply.status, problemOf(reply)]).toEqual([401, "invalid-signature"]);
    expect((await kept(tenant)).stored).toMatchObject({ received: 0 });
  });

  it("that has left receives nothing, even where it is still believed to be there", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant, "stripe");
    expect((await post(service, "before")).status).toBe(202);
    const before = await kept(tenant);
    // As in an isolate that has not heard of it: only the tenant's own database says so.
    const database = await databaseOfTenant(tenant.slug);
    await database.exec("UPDATE realm SET status = 'deactivated'");
    const unaware = await post(service, "after");
    expect([unaware.status, problemOf(unaware)]).toEqual([404, "tenant-not-found"]);
    await database.exec("UPDATE realm SET status = 'active'");
    await move(tenant, "DELETE", "");
    const gone = await post(service, "after");
    expect([gone.status, problemOf(gone)]).toEqual([404, "tenant-not-found"]);
    expect((await kept(tenant)).stored).toMatchObject({ received: before.stored?.received });
  });
});

describe("a database that does not answer", () => {
  let broken: string | null = null;
  const worker = openWorker(
    wrapAll(() => (_, run) => (broken ? Promise.reject(new Error(broken)) : run())),
  );
  const send = async (delivery: SignedDelivery) => {
    const { url, headers, body } = delivery;
    return worker.call("POST", url, { raw: body, headers });
  };
  afterEach(() => {
    broken = null;
  });

  it.each([LOST_TEXTS[0], OVERLOADED_TEXTS[0], "D1_ERROR: D1 is down."] as string[])(
    "is never the sender's fault: %s",
    async (text) => {
      for (const known of [false, true]) {
        const service = await addService(acme, "generic");
        if (known)
          expect((await send(await signed(service, eventOf(service, fresh())))).status).toBe(202);
        const before = await kept(acme);
        const delivery = await signed(service, eventOf(service, fresh()));
        broken = text;
        const reply = await send(delivery);
        broken = null;
        expect([known, reply.status], reply.text).toEqual([known, 503]);
        expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
        expect((await kept(acme)).stored).toEqual(before.stored);
        // The sender tries again, as it was told to.
        expect((await send(delivery)).json).toMatchObject({ status: "accepted" });
      }
    },
  );

  it("does not hide what is wrong with a delivery, though nobody can count it", async () => {
    const service = await addService(acme, "generic");
    expect((await send(await signed(service, eventOf(service, fresh())))).status).toBe(202);
    broken = LOST_TEXTS[0] as string;
    const reply = await worker.call("POST", service.url, { body: {} });
    expect([reply.status, problemOf(reply)]).toEqual([401, "invalid-signature"]);
  });
});

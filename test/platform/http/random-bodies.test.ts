import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { servers } from "../../support/called-services.ts";
import {
  addUser,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  signIn,
} from "../../support/client.ts";
import { HOSTILE_TEXTS } from "../../support/hostile.ts";
import { type Ids, type Operation, operationsOf } from "../../support/operations.ts";
import { holds } from "../../support/property.ts";
import {
  addService,
  deliver,
  eventually,
  post,
  signed,
  type TestService,
} from "../../support/webhooks.ts";
import { DEEP } from "../../support/worker.ts";

const RUNS = DEEP ? 10_000 : 400;

/** Operations that would end the test's own tenant; they take no body. */
const LEFT_OUT = ["leave", "deactivateTenant"];

interface Target {
  readonly operation: Operation;
  readonly origin: string;
  readonly email: string;
  /** What parameters stand for: things that are there, but nothing that the test needs. */
  readonly ids: Ids;
  /** Signs what is sent where any body is taken. */
  readonly service: TestService;
}

describe("random bodies", () => {
  const targets: Target[] = [];
  let sent = 0;
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    const [acme, spare, operator] = [await newTenant(), await newTenant(), await newOperator()];
    const user = await addUser(acme, "user");
    const [service, changed] = [await addService(acme), await addService(acme)];
    const strict = await addService(acme, "generic", { max_attempts: 1 });
    const refund = await post(strict, "refund", "payment.refunded", { payment_id: "unknown" });
    const dead = await eventually(acme, refund.json.event_id, "dead_letter");
    const ids = {
      users: user.id,
      slug: changed.slug,
      service: service.slug,
      "webhooks/events": dead.id,
    };
    const { admin, origin } = acme;
    const doors = [
      { origin, email: admin.email, token: admin.token, ids },
      {
        origin: PLATFORM_ORIGIN,
        email: operator.email,
        token: operator.token,
        ids: { tenants: spare.id },
      },
    ];
    for (const { token, ...each } of doors) {
      const door = { ...each, service };
      tokens.set(door.origin, token);
      for (const operation of await operationsOf(door.origin)) {
        if (operation.method === "GET" || LEFT_OUT.includes(operation.id)) continue;
        targets.push({ operation, ...door });
      }
    }
  });

  /** A leaf that somebody might send. */
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(...Object.values(HOSTILE_TEXTS)),
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(-0, 1e308, -1, 2 ** 53, "2026-11-21T00:00:00Z", "a@b.test"),
  );

  /** Bodies close to what the operation takes: its own fields, some right, some wrong, some new. */
  const bodyFor = ({ operation }: Target): fc.Arbitrary<unknown> => {
    const fields = operation.fields ?? {};
    const samples = operation.sample();
    // The document's own partner is nowhere.
    if (samples.api) samples.api = { ...samples.api, base_url: servers().first };
    const shape = Object.fromEntries(
      Object.keys(fields).map((name) => [
        name,
        fc.oneof({ arbitrary: fc.constant(samples[name]), weight: 3 }, value),
      ]),
    );
    const near = fc.record(shape, { requiredKeys: [] });
    const withMore = fc.tuple(near, fc.dictionary(fc.string(), value, { maxKeys: 2 }));
    return fc.oneof(
      { arbitrary: near, weight: 4 },
      withMore.map(([body, more]) => ({ ...body, ...more })),
      fc.jsonValue(),
    );
  };

  // Some 500 requests, each with a look at the token before it: on a busy machine they take their time.
  const TIMEOUT = DEEP ? 600_000 : 120_000;
  it("are no fault to any operation, and get an answer that the document names", {
    timeout: TIMEOUT,
  }, async () => {
    const pairFor = (target: Target) => fc.tuple(fc.constant(target), bodyFor(target));
    const pairs = fc
      .nat()
      .map((at) => targets[at % targets.length] as Target)
      .chain(pairFor);
    const seen = new Map<string, Set<number>>();
    const check = async ([target, body]: [Target, unknown]) => {
      const { operation } = target;
      const reply = await send(target, body);
      const what = `${operation.id} ${JSON.stringify(body)}: ${reply.text}`;
      // Those that register run the pool dry one day; and breakers are held open, services slow.
      const refused = reply.status >= 400 ? (problemOf(reply) ?? "") : "";
      const isOthers = /^(?:pool-exhausted|circuit-open|downstream-.*)$/.test(refused);
      if (!isOthers) expect(reply.status, what).toBeLessThan(500);
      expect(operation.statuses, what).toContain(reply.status);
      seen.set(operation.id, (seen.get(operation.id) ?? new Set()).add(reply.status));
    };
    await holds("random bodies", [pairs], check, RUNS);
    // Those that chance has left out.
    for (const target of targets.filter(({ operation }) => !seen.has(operation.id))) {
      await holds(`random bodies, ${target.operation.id}`, [pairFor(target)], check, 1);
    }
    const ids = new Set(targets.map(({ operation }) => operation.id));
    expect([...seen.keys()].sort()).toEqual([...ids].sort());
    const statuses = new Set([...seen.values()].flatMap((each) => [...each]));
    for (const status of [200, 201, 202, 204, 422]) expect(statuses).toContain(status);
  });

  async function send(target: Target, body: unknown): Promise<Reply> {
    const { operation, origin, ids, service } = target;
    const url = operation.url(origin, ids);
    if (operation.isRaw) {
      const path = url.slice(service.url.length);
      return deliver(await signed(service, JSON.stringify(body), { path }));
    }
    const token = operation.isPublic ? undefined : await tokenFor(target);
    sent += 1;
    // From everywhere, so that wrong passwords lock nobody out whom the test needs.
    const ip = `10.${sent >> 8}.${sent & 255}.1`;
    return call(operation.method, url, { token, body, ip });
  }

  /** A token that works, whatever signed the caller out. */
  async function tokenFor({ origin, email }: Target): Promise<string> {
    const api = `${origin}/api/v1`;
    const token = tokens.get(origin);
    if ((await call("GET", `${api}/auth/me`, { token })).status === 200) return token ?? "";
    const again = await signIn(api, email);
    tokens.set(origin, again.token);
    return again.token;
  }
});

/** Services that cannot be reached, and destinations that were disabled, as signals tell of them. */
import { describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { watchIntegrations } from "../../../src/features/integrations/watch.service.ts";
import { addCalled, type CalledService, fresh } from "../../support/called-services.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { changesOf, resolveByHand, signalsOf } from "../../support/signal-rows.ts";
import { bindings, databaseOfTenant, firstValue, wrapAll } from "../../support/worker.ts";

const KIND = "integration.unreachable";
const clock = standingClock({ between: 10 * SECOND });

const visit = async (house: QuietHouse, changes: Partial<Bindings> = {}) =>
  watchIntegrations(await house.ctx(changes));
const stateOf = async (service: CalledService) => (await service.ask("GET", "/breaker")).json.state;
const standing = async (house: QuietHouse) =>
  (await signalsOf(house, KIND)).map(({ status, occurrences }) => [status, occurrences]);

/** A service that opens with its first failure, and closes with its first success. */
function addSick(house: QuietHouse): Promise<CalledService> {
  const breaker = {
    minimum_calls: 1,
    open_ms: 20_000,
    permitted_calls_in_half_open: 1,
    slow_start_ms: 0,
  };
  return addCalled(house.tenant, { retry: { max_attempts: 1 }, breaker });
}
const fail = (service: CalledService) =>
  service.request({ method: "POST", path: `/cut/${fresh("cut")}` });
const succeed = async (service: CalledService) => {
  clock.pass(20 * SECOND);
  const reply = await service.request({ method: "GET", path: `/echo/${fresh("ping")}` });
  expect(reply.json.status, reply.text).toBe(200);
};

/** Bindings that count what is asked of circuit breakers, by whatever they are. */
function countedBreakers() {
  const asked: string[] = [];
  const real = bindings.CIRCUIT_BREAKER;
  const getByName = (name: string) => {
    asked.push(name);
    return real.getByName(name);
  };
  return { asked, bindings: { CIRCUIT_BREAKER: { getByName } as unknown as typeof real } };
}

describe("a service's signal", () => {
  it("is raised when its breaker has opened, once, and resolved when it has closed", async () => {
    const house = await quietHouse();
    const [sick, well] = [await addSick(house), await addCalled(house.tenant)];
    await succeed(well);
    await visit(house);
    expect(await signalsOf(house, KIND)).toEqual([]);
    const openedAt = Date.now();
    await fail(sick);
    clock.pass(SECOND);
    await visit(house);
    const [signal] = await signalsOf(house, KIND);
    expect(signal).toMatchObject({
      source: "infra",
      severity: "high",
      status: "open",
      title: `The service ${sick.slug} cannot be reached`,
      dedupe_key: `integration:${sick.slug}`,
      last_seen_at: openedAt,
    });
    clock.pass(5 * MINUTE);
    await visit(house);
    await Promise.all([visit(house), visit(house)]);
    expect(await standing(house)).toEqual([["open", 1]]);
    await succeed(sick);
    expect(await stateOf(sick)).toBe("closed");
    await visit(house);
    await visit(house);
    expect(await signalsOf(house, KIND)).toMatchObject([
      { status: "resolved", resolved_by: "recovery", resolved_at: Date.now() },
    ]);
    expect(await changesOf(house, signal?.id ?? "")).toEqual(["opened", "resolved"]);
    expect(await house.actions(signal?.id)).toEqual(["signal.opened", "signal.resolved"]);
    await fail(sick);
    await visit(house);
    expect(await standing(house)).toEqual([
      ["resolved", 1],
      ["open", 1],
    ]);
  });

  it("is raised once by visits at once", async () => {
    const house = await quietHouse();
    await fail(await addSick(house));
    await Promise.all(Array.from({ length: 4 }, () => visit(house)));
    expect(await standing(house)).toEqual([["open", 1]]);
  });

  it("is neither raised nor resolved for what somebody ordered, or while it is half open", async () => {
    const house = await quietHouse();
    const service = await addSick(house);
    for (const verb of ["open", "close"]) {
      await service.ask("POST", `/breaker/${verb}`);
      await visit(house);
      expect(await signalsOf(house, KIND), verb).toEqual([]);
    }
    await service.ask("POST", "/breaker/reset");
    await fail(service);
    await visit(house);
    for (const verb of ["open", "close"]) {
      await service.ask("POST", `/breaker/${verb}`);
      await visit(house);
      expect(await standing(house), verb).toEqual([["open", 1]]);
    }
    await service.ask("POST", "/breaker/reset");
    await visit(house);
    expect(await standing(house)).toEqual([["resolved", 1]]);
    // A breaker that is opened and whose trial has begun.
    const trial = await addCalled(house.tenant, {
      retry: { max_attempts: 1 },
      breaker: { minimum_calls: 1, open_ms: 20_000, permitted_calls_in_half_open: 2 },
    });
    await fail(trial);
    clock.pass(20 * SECOND);
    await trial.request({ method: "GET", path: `/echo/${fresh("ping")}` });
    expect(await stateOf(trial)).toBe("half_open");
    await visit(house);
    expect(await standing(house)).toEqual([["resolved", 1]]);
  });

  it("stays as it is while its breaker does not answer", async () => {
    const house = await quietHouse();
    const service = await addSick(house);
    await fail(service);
    await visit(house);
    await succeed(service);
    const view = () => Promise.reject(new Error("silent"));
    const silent = { getByName: () => ({ view }) } as unknown as typeof bindings.CIRCUIT_BREAKER;
    const { entries } = await captureLogs(() => visit(house, { CIRCUIT_BREAKER: silent }));
    expect(entries).toContainEqual(expect.objectContaining({ message: "breaker not seen" }));
    expect(await standing(house)).toEqual([["open", 1]]);
    clock.pass(5 * SECOND);
    await visit(house);
    expect(await standing(house)).toEqual([["resolved", 1]]);
  });

  it("that somebody has resolved stays so until the breaker opens anew", async () => {
    const house = await quietHouse();
    const service = await addSick(house);
    await fail(service);
    await visit(house);
    const [signal] = await signalsOf(house, KIND);
    clock.pass(SECOND);
    await resolveByHand(house, signal?.id ?? "", Date.now());
    await visit(house);
    expect(await standing(house)).toEqual([["resolved", 1]]);
    clock.pass(20 * SECOND);
    await fail(service);
    await visit(house);
    expect(await standing(house)).toEqual([
      ["resolved", 1],
      ["open", 1],
    ]);
  });

  it.each<[string, (service: CalledService) => Promise<unknown>]>([
    ["is removed", (service) => service.ask("DELETE", "")],
    ["is called no more", (service) => service.ask("PUT", "", { api: null })],
  ])("is resolved when the service %s", async (_, end) => {
    const house = await quietHouse();
    const service = await addSick(house);
    await fail(service);
    await visit(house);
    await end(service);
    await visit(house);
    expect(await standing(house)).toEqual([["resolved", 1]]);
  });
});

describe("a visit", () => {
  it("asks 20 breakers at most, and each in its turn", async () => {
    const house = await quietHouse();
    const database = await databaseOfTenant(house.tenant.slug);
    const sample = await addSick(house);
    // Services whose names come before and after, as if they had been added.
    const copies = `INSERT INTO services (id, slug, name, api, created_at, updated_at, version)
      SELECT services.id || nth.value, nth.value || '-' || slug, name, api, 1, 1, 1
      FROM services, json_each(?) AS nth WHERE slug = ?`;
    const names = Array.from({ length: 44 }, (_, nth) => `${nth % 2 ? "a" : "z"}${nth}`);
    await database.prepare(copies).bind(JSON.stringify(names), sample.slug).run();
    const all = "SELECT count(*) FROM services WHERE api IS NOT NULL";
    expect(await firstValue<number>(database, all)).toBe(45);
    const { asked, bindings: counted } = countedBreakers();
    const ever = new Set<string>();
    const sizes: number[] = [];
    // Three turns of seven minutes each lie within these twenty.
    for (let nth = 0; nth < 5; nth++) {
      asked.length = 0;
      await visit(house, counted);
      sizes.push(asked.length);
      for (const name of asked) ever.add(name);
      clock.pass(5 * MINUTE);
    }
    expect(Math.max(...sizes)).toBe(20);
    expect(ever.size).toBe(45);
    // And when it comes only every four hours.
    ever.clear();
    for (let nth = 0; nth < 12; nth++) {
      asked.length = 0;
      await visit(house, counted);
      for (const name of asked) ever.add(name);
      clock.pass(240 * MINUTE);
    }
    expect(ever.size).toBe(45);
  });

  it("costs one read where there is nothing, and one more where services are called", async () => {
    const house = await quietHouse();
    const trips: string[] = [];
    const watched = wrapAll(() => async (trip, run) => {
      trips.push(trip.kind);
      return run();
    });
    const { asked, bindings: counted } = countedBreakers();
    const cost = async () => {
      const ctx = await house.ctx({ ...watched, ...counted });
      trips.length = asked.length = 0;
      await watchIntegrations(ctx);
      return [...trips, asked.length];
    };
    expect(await cost()).toEqual(["read", 0]);
    const service = await addSick(house);
    expect(await cost()).toEqual(["read", "read", 1]);
    await fail(service);
    expect(await cost()).toEqual(["read", "read", "read", "read", "batch", 1]);
    expect(await cost()).toEqual(["read", "read", 1]);
    const [signal] = await signalsOf(house, KIND);
    await resolveByHand(house, signal?.id ?? "", Date.now() + 1);
    expect(await cost()).toEqual(["read", "read", "read", 1]);
  });
});

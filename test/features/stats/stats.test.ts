import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  addUser,
  call,
  callWith,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { DAY, HOUR, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { watchPlans } from "../../support/plans.ts";
import { addSignal } from "../../support/planted-signals.ts";
import { databaseOfTenant } from "../../support/worker.ts";

standingClock();
let acme: TestTenant;
let other: TestTenant;
let database: D1Database;
beforeAll(async () => {
  [acme, other] = [await newTenant(), await newTenant()];
  database = await databaseOfTenant(acme.slug);
});
beforeEach(async () => {
  await database.batch(
    ["signal_changes", "signals"].map((table) => database.prepare(`DELETE FROM ${table}`)),
  );
});

/** As somebody just signed in: days may have passed. */
async function get(path: string, tenant = acme) {
  const { token } = await signIn(tenant.api, tenant.admin.email);
  return call("GET", `${tenant.api}${path}`, { token });
}
const read = async (path: string, tenant = acme) => {
  const reply = await get(path, tenant);
  expect(reply.status, reply.text).toBe(200);
  return reply.json;
};
/** Makes the tenant so old. */
const age = async (ms: number) => {
  await database
    .prepare("UPDATE realm SET created_at = ?")
    .bind(Date.now() - ms)
    .run();
};

describe("stats", () => {
  it("of nothing are zeros and a whole uptime", async () => {
    const stats = { total_signals: 0, critical: 0, warning: 0, uptime: 100 };
    expect(await read("/stats")).toEqual(stats);
  });

  it("count what is kept, whatever its status, at this tenant alone", async () => {
    await addSignal(database, { severity: "critical" });
    await addSignal(database, { severity: "critical", status: "resolved", resolved_at: 1 });
    await addSignal(database, { severity: "warning", status: "acknowledged" });
    await addSignal(database, { severity: "high" });
    expect(await read("/stats")).toMatchObject({ total_signals: 4, critical: 2, warning: 1 });
    expect(await read("/stats", other)).toMatchObject({ total_signals: 0, critical: 0 });
  });

  it.each<[string, number, [minutes: number, ago: number][], number]>([
    ["an hour of 30 days", 90 * DAY, [[60, DAY]], 99.861],
    [
      "each report in full",
      90 * DAY,
      [
        [30, DAY],
        [30, DAY],
      ],
      99.861,
    ],
    ["a report of just 30 days ago", 90 * DAY, [[60, 30 * DAY]], 99.861],
    ["nothing of a moment before", 90 * DAY, [[60, 30 * DAY + 1]], 100],
    ["a fifth of a life of ten hours", 10 * HOUR, [[120, HOUR]], 80],
    ["more than there was time for", 10 * HOUR, [[601, HOUR]], 0],
    ["something of no time at all", 0, [[1, 0]], 0],
    ["nothing of no time at all", 0, [], 100],
    ["no minutes", 10 * HOUR, [[0, HOUR]], 100],
  ])("uptime lacks %s", async (_, life, reports, uptime) => {
    await age(life);
    for (const [minutes, ago] of reports) {
      await addSignal(database, { downtime_minutes: minutes, opened_at: Date.now() - ago });
    }
    expect(await read("/stats")).toMatchObject({ uptime });
  });

  it("are for every role, and of no other door", async () => {
    const operator = await newOperator();
    const house = { ...acme, admin: await signIn(acme.api, acme.admin.email) };
    for (const path of ["/stats", "/signals/metrics"]) {
      for (const role of ["manager", "user", "readonly"] as const) {
        const { token } = await addUser(house, role);
        expect((await call("GET", `${acme.api}${path}`, { token })).status).toBe(200);
      }
      const url = `${PLATFORM_ORIGIN}/api/v1${path}`;
      expect(problemOf(await call("GET", url, { token: operator.token }))).toBe("not-found");
      expect(problemOf(await call("GET", `${acme.api}${path}`))).toBe("unauthenticated");
      const foreign = await signIn(other.api, other.admin.email);
      const reply = await call("GET", `${acme.api}${path}`, { token: foreign.token });
      expect(problemOf(reply)).toBe("unauthenticated");
    }
  });
});

describe("metrics", () => {
  const none = {
    unresolved: {
      total: 0,
      by_severity: { low: 0, medium: 0, warning: 0, high: 0, critical: 0 },
      by_status: { open: 0, acknowledged: 0 },
      by_source: { manual: 0, sla: 0, rule: 0, infra: 0, webhook: 0 },
    },
    opened: 0,
    mean_seconds_to_acknowledge: null,
    mean_seconds_to_resolve: null,
    mean_risk_score: null,
    max_risk_score: null,
  };

  it("of nothing are zeros and nulls, of the last 30 days", async () => {
    const now = Date.now();
    expect(await read("/signals/metrics")).toEqual({
      ...none,
      from: new Date(now - 30 * DAY).toISOString(),
      to: new Date(now).toISOString(),
    });
  });

  it("tell what is not resolved, whenever it was opened, and how fast things went of late", async () => {
    const opened_at = Date.now() - 2 * DAY;
    const at = (ms: number) => opened_at + ms;
    await addSignal(database, { opened_at: Date.now() - 90 * DAY, risk_score: 99 });
    await addSignal(database, {
      source: "rule",
      severity: "critical",
      status: "acknowledged",
      opened_at,
      acknowledged_at: at(10 * SECOND),
      risk_score: 17.92,
    });
    await addSignal(database, {
      source: "manual",
      severity: "warning",
      status: "resolved",
      opened_at,
      acknowledged_at: at(21 * SECOND + 1),
      resolved_at: at(HOUR),
      risk_score: 10.99,
    });
    await addSignal(database, {
      source: "webhook",
      status: "resolved",
      opened_at,
      resolved_at: at(3 * HOUR),
      risk_score: 6.93,
    });
    expect(await read("/signals/metrics")).toMatchObject({
      unresolved: {
        total: 2,
        by_severity: { low: 1, medium: 0, warning: 0, high: 0, critical: 1 },
        by_status: { open: 1, acknowledged: 1 },
        by_source: { manual: 0, sla: 1, rule: 1, infra: 0, webhook: 0 },
      },
      opened: 3,
      mean_seconds_to_acknowledge: 15.501,
      mean_seconds_to_resolve: 7_200,
      mean_risk_score: 11.95,
      max_risk_score: 17.92,
    });
    const nowhere = await read("/signals/metrics", other);
    expect(nowhere).toMatchObject(none);
  });

  it("are of the time that was asked for, with its beginning and without its end", async () => {
    const now = Date.now();
    for (const ago of [2 * HOUR, HOUR, 30 * MINUTE]) {
      await addSignal(database, { opened_at: now - ago });
    }
    const time = (ago: number) => new Date(now - ago).toISOString();
    const opened = async (query: string) => (await read(`/signals/metrics?${query}`)).opened;
    expect(await opened(`from=${time(2 * HOUR)}&to=${time(30 * MINUTE)}`)).toBe(2);
    expect(await opened(`from=${time(HOUR)}`)).toBe(2);
    expect(await opened(`to=${time(HOUR)}`)).toBe(1);
    expect(await opened("from=2000-01-01T00:00:00%2B02:00")).toBe(3);
  });

  it.each([
    ["from=yesterday", "?from"],
    ["to=2026-01-01", "?to"],
    ["from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "?from"],
    ["from=2226-01-02T00:00:00Z", "?from"],
    ["severity=low", "?severity"],
  ])("do not take %s", async (query, pointer) => {
    const reply = await get(`/signals/metrics?${query}`);
    expect(problemOf(reply)).toBe("validation-failed");
    expect(reply.json.errors).toMatchObject([{ pointer }]);
  });
});

it.each([
  [
    "/stats",
    [
      "SCAN signals USING COVERING INDEX",
      "COVERING INDEX signals_severity_risk (severity=?)",
      "COVERING INDEX signals_downtime (opened_at>?)",
    ],
  ],
  [
    "/signals/metrics",
    ["INDEX signals_status (status=?)", "INDEX signals_opened (opened_at>? AND opened_at<?)"],
  ],
])("%s is one trip, by indexes", async (path, indexes) => {
  const { token } = await signIn(acme.api, acme.admin.email);
  const { bindings, plansOf } = watchPlans();
  const plans = await plansOf(async () => {
    const reply = await callWith(bindings, "GET", `${acme.api}${path}`, { token });
    expect(reply.status, reply.text).toBe(200);
  }, /signals/);
  expect(plans).toHaveLength(1);
  const lines = plans.flatMap(({ plan }) => plan);
  for (const index of indexes) expect(lines.join("\n")).toContain(index);
  // Counting all reads an index through, as it must; nothing reads the signals themselves.
  expect(lines.filter((line) => /^SCAN signals(?! USING COVERING)/.test(line))).toEqual([]);
});

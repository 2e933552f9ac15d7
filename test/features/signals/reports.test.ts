/** What SLA reports open, where they are counted, and which breaches they show to be over. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { type CallOptions, problemOf, type Reply } from "../../support/client.ts";
import { type DeliveryHouse, deliveryHouse } from "../../support/destinations.ts";
import { dumpOf } from "../../support/dump.ts";
import { showFigures } from "../../support/figures.ts";
import { times } from "../../support/registration.ts";
import { changesOf, signalsOf } from "../../support/signal-rows.ts";
import { openWorker, wrapAll } from "../../support/worker.ts";

let house: DeliveryHouse;
beforeEach(async () => {
  house = await deliveryHouse();
});

const post = (body: unknown, options: CallOptions = {}, env: Partial<Bindings> = {}) =>
  openWorker({ ...house.worker.env, ...env } as Bindings).call(
    "POST",
    `${house.tenant.api}/signals`,
    { token: house.tenant.admin.token, body, ...options },
  );
const report = async (body: unknown, status = 201): Promise<Reply["json"]> => {
  const reply = await post(body);
  expect(reply.status, reply.text).toBe(status);
  return reply.json;
};
const shown = async (id: string): Promise<Reply["json"]> =>
  (await house.ask("GET", `/signals/${id}`)).json;
const act = (id: string, what: string) => house.ask("POST", `/signals/${id}/${what}`);
const statusOf = async (kind: string) =>
  (await signalsOf(house, kind)).map(({ status, resolved_by }) => resolved_by ?? status);
const auditOf = async (id: string) => {
  const rows = await house.database
    .prepare(
      `SELECT action, json_remove(data, '$.ip', '$.user_agent', '$.email') AS details
       FROM audit_log JOIN audit_private ON audit_id = id WHERE target = ? ORDER BY seq`,
    )
    .bind(id)
    .all<{ action: string; details: string }>();
  return rows.results.map(({ action, details }) => [action, JSON.parse(details)]);
};
const eventsOf = async (id: string) => {
  const { results } = await house.database
    .prepare("SELECT type, metadata FROM events WHERE subject = ? ORDER BY id")
    .bind(id)
    .all<{ type: string; metadata: string }>();
  return results.map(({ type, metadata }) => [type, JSON.parse(metadata).signal]);
};
const uptimeMinutes = async () => {
  await house.database.prepare("UPDATE realm SET created_at = 0").run();
  const { json } = await house.ask("GET", "/stats");
  return Math.round(((100 - json.uptime) / 100) * 30 * 24 * 60);
};

describe("a breach", () => {
  it("of 800 ms against an SLA of 500 is a high signal with a positive score", async ({ task }) => {
    const put = await house.ask("PUT", "/tenants/current", { sla_response_time_ms: 500 });
    expect(put.status, put.text).toBe(200);
    const reply = await post({ response_time_ms: 800, error_rate_percent: 0.4 });
    expect(reply.status, reply.text).toBe(201);
    const signal = reply.json;
    showFigures(
      task,
      `800 ms against an SLA of 500: ${signal.severity}, risk ${signal.risk_score}`,
    );
    expect(signal.risk_score).toBeGreaterThan(0);
    expect(signal).toEqual({
      id: expect.stringMatching(/^signal_/),
      source: "sla",
      kind: "sla.response_time",
      severity: "high",
      status: "open",
      title: "Response time over the SLA",
      description: "Response time 800 ms, promised 500 ms. Error rate 0.4 %, promised 2 %.",
      response_time_ms: 800,
      error_rate_percent: 0.4,
      downtime_minutes: null,
      metric: null,
      metric_value: null,
      rule_id: null,
      risk_score: 13.86,
      occurrences: 1,
      last_seen_at: signal.opened_at,
      assignee_id: null,
      opened_at: expect.any(String),
      acknowledged_at: null,
      acknowledged_by: null,
      resolved_at: null,
      resolved_by: null,
      updated_at: signal.opened_at,
    });
    expect(Math.abs(Date.parse(signal.opened_at) - Date.now())).toBeLessThan(60_000);
    expect(reply.headers.get("location")).toBe(`/api/v1/signals/${signal.id}`);
    const read = await house.ask("GET", `/signals/${signal.id}`);
    expect(read.json).toEqual(signal);
    expect(read.headers.get("etag")).toBe(reply.headers.get("etag"));
    expect(await changesOf(house, signal.id)).toEqual(["opened"]);
    expect(await auditOf(signal.id)).toEqual([
      ["signal.opened", { source: "sla", severity: "high", kind: "sla.response_time" }],
    ]);
  });

  it("makes the next of its kind more urgent, as long as it is open", async () => {
    const slow = { error_rate_percent: 50 };
    const scores: number[] = [];
    const ids: string[] = [];
    for (let nth = 0; nth < 3; nth++) {
      const { id, risk_score } = await report(slow);
      ids.push(id);
      scores.push(risk_score);
    }
    // 10·ln(1 + 2·n)
    expect(scores).toEqual([10.99, 16.09, 19.46]);
    await act(String(ids[0]), "resolve");
    await act(String(ids[1]), "acknowledge");
    expect((await report(slow)).risk_score).toBe(19.46);
    expect((await report({ downtime_minutes: 6 })).risk_score, "of another kind").toBe(17.92);
    await house.database
      .prepare("UPDATE signals SET opened_at = opened_at - 180001 WHERE kind = 'sla.error_rate'")
      .run();
    expect((await report(slow)).risk_score, "the others are out of the window").toBe(10.99);
    await house.ask("PUT", "/tenants/current", { evaluation_window_minutes: 60 });
    expect((await report(slow)).risk_score, "the window is the company's").toBe(23.98);
  });
});

describe("a report within every promise", () => {
  it("is counted at the one that is open, with what was measured last", async () => {
    const first = await report({ response_time_ms: 100, error_rate_percent: 1 });
    expect(first).toMatchObject({ severity: "low", kind: "sla.within", occurrences: 1 });
    const reply = await post({ response_time_ms: 200, downtime_minutes: 0 });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("location")).toBe(`/api/v1/signals/${first.id}`);
    expect(reply.json).toEqual({
      ...first,
      description: "Downtime 0 min, promised 5 min. Response time 200 ms, promised 800 ms.",
      response_time_ms: 200,
      downtime_minutes: 0,
      occurrences: 2,
      last_seen_at: reply.json.updated_at,
      updated_at: expect.any(String),
    });
    const there = await house.ask("GET", `/signals/${first.id}`);
    expect(there.json).toEqual(reply.json);
    expect(there.headers.get("etag")).toBe(reply.headers.get("etag"));
    expect(await changesOf(house, first.id)).toEqual(["opened"]);
    await act(first.id, "resolve");
    expect((await report({ response_time_ms: 1 })).id).not.toBe(first.id);
  });

  it("is one signal, however many come at once, and counted once for an idempotency key", async ({
    task,
  }) => {
    const MANY = 40;
    const replies = await Promise.all(times(MANY, () => post({ error_rate_percent: 1 })));
    expect(replies.map(({ status }) => status).sort()).toEqual([
      ...times(MANY - 1, () => 200),
      201,
    ]);
    const { id } = replies[0]?.json ?? {};
    const key = { headers: { "idempotency-key": "report-1" } };
    const [once, twice] = [
      await post({ error_rate_percent: 0 }, key),
      await post({ error_rate_percent: 0 }, key),
    ];
    expect([once.status, twice.status, twice.text]).toEqual([200, 200, once.text]);
    const { occurrences } = await shown(id);
    expect(occurrences).toBe(MANY + 1);
    expect(await signalsOf(house, "sla.within")).toHaveLength(1);
    showFigures(
      task,
      `${MANY} reports at once and one told twice: 1 signal, seen ${occurrences} times`,
    );
  });

  it("with downtime is a signal of its own, which uptime counts", async ({ task }) => {
    const first = await report({ downtime_minutes: 0 });
    const down = await report({ downtime_minutes: 3 });
    expect(await shown(first.id)).toMatchObject({ status: "resolved", resolved_by: "recovery" });
    const more = await report({ downtime_minutes: 2 });
    expect(await statusOf("sla.within")).toEqual(["recovery", "recovery", "open"]);
    const fine = await report({ response_time_ms: 1 });
    expect(fine.id).not.toBe(more.id);
    expect((await report({ downtime_minutes: 0 }, 200)).id).toBe(fine.id);
    expect(await shown(down.id)).toMatchObject({ downtime_minutes: 3, occurrences: 1 });
    expect(await uptimeMinutes()).toBe(5);
    const MANY = 20;
    const replies = await Promise.all(times(MANY, () => post({ downtime_minutes: 1 })));
    expect(replies.map(({ status }) => status)).toEqual(times(MANY, () => 201));
    expect(await uptimeMinutes()).toBe(MANY + 5);
    expect((await statusOf("sla.within")).filter((status) => status === "open")).toHaveLength(1);
    showFigures(task, `${MANY} reports of a minute at once: ${MANY} more minutes of downtime`);
  });
});

describe("a promise that is kept again", () => {
  it("ends the breaches of it, and no others", async () => {
    const slow = [await report({ response_time_ms: 900 }), await report({ response_time_ms: 901 })];
    await act(slow[1].id, "acknowledge");
    const errors = await report({ error_rate_percent: 3 });
    const down = await report({ downtime_minutes: 6 });
    const byHand = await report({ severity: "high", title: "Slow" });
    await report({ response_time_ms: 800 });
    expect(await statusOf("sla.response_time")).toEqual(["recovery", "recovery"]);
    expect(await changesOf(house, slow[1].id)).toEqual(["opened", "acknowledged", "resolved"]);
    expect((await auditOf(slow[0].id)).slice(1)).toEqual([["signal.resolved", { by: "recovery" }]]);
    expect(await eventsOf(slow[0].id), "a high one is nobody's news").toEqual([]);
    for (const { id } of [errors, down, byHand]) expect((await shown(id)).status).toBe("open");
    house.sent();
    await report({ downtime_minutes: 0, error_rate_percent: 2 }, 200);
    const over = await shown(down.id);
    expect(over).toMatchObject({
      status: "resolved",
      resolved_by: "recovery",
      resolved_at: over.updated_at,
    });
    expect(await eventsOf(down.id)).toEqual([
      ["signal.opened", down],
      ["signal.resolved", over],
    ]);
    expect((await shown(errors.id)).status).toBe("resolved");
    expect((await shown(byHand.id)).status).toBe("open");
  });

  it("tells destinations of a critical one at once", async () => {
    await house.addDestination({ event_types: ["signal.resolved"] });
    await report({ downtime_minutes: 6 });
    house.sent();
    await report({ downtime_minutes: 0 });
    expect(house.sent().map(({ body }) => body.job)).toEqual(["destinations.deliver"]);
  });

  it("is told by a report that breaks another one too", async () => {
    const slow = await report({ response_time_ms: 900 });
    const down = await report({ downtime_minutes: 6, response_time_ms: 1_000 });
    expect((await shown(slow.id)).status, "it is slow still").toBe("open");
    const both = await report({ response_time_ms: 900, downtime_minutes: 0 });
    expect(both).toMatchObject({ kind: "sla.response_time", risk_score: 19.46 });
    expect((await shown(down.id)).resolved_by).toBe("recovery");
    expect(await statusOf("sla.response_time")).toEqual(["open", "open"]);
  });

  it("is judged by what is promised by then", async () => {
    const { id } = await report({ response_time_ms: 900 });
    await house.ask("PUT", "/tenants/current", { sla_response_time_ms: 1_000 });
    await report({ response_time_ms: 950 });
    expect((await shown(id)).resolved_by).toBe("recovery");
  });

  it("ends the 20 oldest of all by one report", async ({ task }) => {
    for (let nth = 0; nth < 24; nth++) {
      await report({ error_rate_percent: 3 });
      if (nth % 8 === 0) await report({ downtime_minutes: 6 });
    }
    const fine = { downtime_minutes: 0, error_rate_percent: 0 };
    const ended = (statuses: string[]) => statuses.filter((status) => status === "recovery").length;
    const seen: number[][] = [];
    for (const status of [201, 200]) {
      await report(fine, status);
      const kinds = [await statusOf("sla.downtime"), await statusOf("sla.error_rate")];
      seen.push(kinds.map(ended));
      for (const statuses of kinds)
        expect(statuses.toSorted(), "oldest first").toEqual(statuses.toReversed());
    }
    expect(seen).toEqual([
      [3, 17],
      [3, 24],
    ]);
    showFigures(task, `27 breaches: ${seen.map(([a = 0, b = 0]) => a + b).join(", then ")} over`);
  });
});

describe("at once", () => {
  it("recoveries end each breach once", async ({ task }) => {
    const [BREACHES, MANY] = [5, 12];
    const down = await Promise.all(times(BREACHES, () => report({ downtime_minutes: 6 })));
    const replies = await Promise.all(
      times(MANY, (nth) => post({ downtime_minutes: 0, response_time_ms: nth % 2 ? 1 : 900 })),
    );
    for (const { status, text } of replies) expect([200, 201], text).toContain(status);
    for (const { id } of down) {
      expect(await changesOf(house, id)).toEqual(["opened", "resolved"]);
      expect((await auditOf(id)).map(([action]) => action)).toEqual([
        "signal.opened",
        "signal.resolved",
      ]);
      expect((await eventsOf(id)).map(([type]) => type)).toEqual([
        "signal.opened",
        "signal.resolved",
      ]);
    }
    showFigures(task, `${MANY} recoveries at once: ${BREACHES} breaches, each resolved once`);
  });

  it("a breach that comes between a recovery's read and its commit stays open", async () => {
    const before = await report({ response_time_ms: 900 });
    let late: Reply["json"];
    const between = wrapAll(() => async (trip, run) => {
      const result = await run();
      if (!late && trip.sql.some((sql) => sql.includes("signals_kind"))) {
        late = await report({ response_time_ms: 901 });
      }
      return result;
    });
    const reply = await post({ response_time_ms: 1 }, {}, between);
    expect(reply.status, reply.text).toBe(201);
    expect((await shown(before.id)).resolved_by).toBe("recovery");
    expect((await shown(late.id)).status).toBe("open");
    await report({ response_time_ms: 1 }, 200);
    expect((await shown(late.id)).resolved_by).toBe("recovery");
  });

  it("a recovery does not take back what somebody has done with the breach", async () => {
    const breach = await report({ response_time_ms: 900 });
    const between = wrapAll(() => async (trip, run) => {
      const result = await run();
      if (trip.sql.some((sql) => sql.includes("signals_kind"))) await act(breach.id, "resolve");
      return result;
    });
    expect((await post({ response_time_ms: 1 }, {}, between)).status).toBe(201);
    const there = await shown(breach.id);
    expect(there.resolved_by).toBe(`user:${house.tenant.admin.id}`);
    expect(await changesOf(house, breach.id)).toEqual(["opened", "resolved"]);
    expect(
      (await auditOf(breach.id)).filter(([action]) => action === "signal.resolved"),
    ).toHaveLength(1);
  });
});

it("a report whose commit breaks in the middle leaves nothing behind", async () => {
  await report({ downtime_minutes: 6 });
  // The recovery stands before it in the batch, and its event; the opening of this one stands after.
  await house.database
    .prepare(
      `CREATE TRIGGER broken BEFORE INSERT ON signal_changes WHEN NEW.change = 'opened'
       BEGIN SELECT RAISE(ABORT, 'broken in the middle'); END`,
    )
    .run();
  const before = await dumpOf(house.database);
  const key = { headers: { "idempotency-key": "broken-1" } };
  const body = { downtime_minutes: 0, response_time_ms: 900 };
  const { result, entries } = await captureLogs(() => post(body, key));
  expect(result.status, result.text).toBe(500);
  expect(problemOf(result)).toBe("internal-error");
  expect(result.text).not.toContain("broken");
  expect(entries.filter(({ level }) => level === "error")).toEqual([
    expect.objectContaining({ error: expect.stringContaining("broken in the middle") }),
  ]);
  expect(await dumpOf(house.database)).toEqual(before);
  await house.database.prepare("DROP TRIGGER broken").run();
  expect((await post(body, key)).status).toBe(201);
  expect(await statusOf("sla.downtime")).toEqual(["recovery"]);
});

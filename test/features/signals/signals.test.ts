/** How signals are opened: by what was measured, and by hand. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  type CallOptions,
  call,
  newTenant,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { showFigures } from "../../support/figures.ts";
import { times } from "../../support/registration.ts";
import { changesOf } from "../../support/signal-rows.ts";
import { databaseOfTenant } from "../../support/worker.ts";

let tenant: TestTenant;
let database: D1Database;
beforeAll(async () => {
  tenant = await newTenant();
  database = await databaseOfTenant(tenant.slug);
});

const ask = (method: string, path: string, options: CallOptions = {}) =>
  call(method, `${tenant.api}/signals${path}`, { token: tenant.admin.token, ...options });
const post = (body: unknown, options: CallOptions = {}) => ask("POST", "", { body, ...options });
const opened = async (body: unknown): Promise<Reply["json"]> => {
  const reply = await post(body);
  expect(reply.status, reply.text).toBe(201);
  return reply.json;
};
const byHand = (severity = "high", title = "Something is wrong") => opened({ severity, title });
const act = (id: string, what: string) => ask("POST", `/${id}/${what}`);
const auditOf = async (id: string) => {
  const rows = await database
    .prepare(
      `SELECT action, json_remove(data, '$.ip', '$.user_agent', '$.email') AS details
       FROM audit_log JOIN audit_private ON audit_id = id WHERE target = ? ORDER BY seq`,
    )
    .bind(id)
    .all<{ action: string; details: string }>();
  return rows.results.map(({ action, details }) => [action, JSON.parse(details)]);
};

describe("a report", () => {
  it("of 800 ms against an SLA of 500 is a high signal with a positive score", async ({ task }) => {
    await database.prepare("UPDATE realm SET sla_response_time_ms = 500").run();
    const reply = await post({ response_time_ms: 800, error_rate_percent: 0.4 });
    await database.prepare("UPDATE realm SET sla_response_time_ms = 800").run();
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
    const read = await ask("GET", `/${signal.id}`);
    expect(read.json).toEqual(signal);
    expect(read.headers.get("etag")).toBe(reply.headers.get("etag"));
    expect(await changesOf({ database }, signal.id)).toEqual(["opened"]);
    expect(await auditOf(signal.id)).toEqual([
      ["signal.opened", { source: "sla", severity: "high", kind: "sla.response_time" }],
    ]);
  });

  it("makes the next of its kind more urgent, as long as it is open", async () => {
    const slow = { error_rate_percent: 50 };
    const scores: number[] = [];
    const ids: string[] = [];
    for (let nth = 0; nth < 3; nth++) {
      const { id, risk_score } = await opened(slow);
      ids.push(id);
      scores.push(risk_score);
    }
    // 10·ln(1 + 2·n)
    expect(scores).toEqual([10.99, 16.09, 19.46]);
    await act(String(ids[0]), "resolve");
    await act(String(ids[1]), "acknowledge");
    expect((await opened(slow)).risk_score).toBe(19.46);
    expect((await opened({ downtime_minutes: 6 })).risk_score, "of another kind").toBe(17.92);
    await database
      .prepare("UPDATE signals SET opened_at = opened_at - 180001 WHERE kind = 'sla.error_rate'")
      .run();
    expect((await opened(slow)).risk_score, "the others are out of the window").toBe(10.99);
    await database.prepare("UPDATE realm SET evaluation_window_minutes = 60").run();
    expect((await opened(slow)).risk_score, "the window is the company's").toBe(23.98);
    await database.prepare("UPDATE realm SET evaluation_window_minutes = 3").run();
  });

  it("always opens a signal of its own", async () => {
    const [first, second] = [
      await opened({ downtime_minutes: 0 }),
      await opened({ downtime_minutes: 0 }),
    ];
    expect(second.id).not.toBe(first.id);
    expect(first).toMatchObject({ severity: "low", kind: "sla.within", occurrences: 1 });
  });
});

describe("a signal by hand", () => {
  it("is what its author says", async () => {
    const body = { severity: "warning", title: " Card payments fail ", description: "Since 9:20." };
    expect(await opened(body)).toMatchObject({
      source: "manual",
      kind: "manual",
      severity: "warning",
      title: "Card payments fail",
      description: "Since 9:20.",
      occurrences: 1,
    });
    expect(await byHand()).toMatchObject({ description: null });
  });

  it("is opened once for an idempotency key", async () => {
    const repeat = () =>
      post({ severity: "low", title: "Once" }, { headers: { "idempotency-key": "signal-1" } });
    const [first, second] = [await repeat(), await repeat()];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.text).toBe(first.text);
    const count = "SELECT count(*) AS many FROM signals WHERE title = 'Once'";
    expect(await database.prepare(count).first("many")).toBe(1);
  });
});

describe("a reading", () => {
  const read = (metric: string, value: unknown) => post({ metric, metric_value: value });

  it("opens the metric's signal once, and is counted there after that", async () => {
    const first = await read("queue.depth", 12);
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({
      source: "infra",
      severity: "low",
      kind: "metric:queue.depth",
      metric: "queue.depth",
      metric_value: 12,
      occurrences: 1,
    });
    const second = await read("queue.depth", -3.5);
    expect(second.status).toBe(200);
    expect(second.headers.get("location")).toBe(`/api/v1/signals/${first.json.id}`);
    expect(second.json).toMatchObject({
      id: first.json.id,
      metric_value: -3.5,
      occurrences: 2,
      risk_score: first.json.risk_score,
    });
    const there = await ask("GET", `/${first.json.id}`);
    expect(there.json).toEqual(second.json);
    expect(there.headers.get("etag")).toBe(second.headers.get("etag"));
    expect(await changesOf({ database }, first.json.id), "no news for watchers").toEqual([
      "opened",
    ]);
    expect((await read("queue.depth:other", 1)).status).toBe(201);
    await act(first.json.id, "resolve");
    const third = await read("queue.depth", 5);
    expect(third.status, "resolved ones are not counted at").toBe(201);
    expect(third.json.occurrences).toBe(1);
  });

  it("is counted at one signal, however many come at once", async ({ task }) => {
    const MANY = 50;
    const replies = await Promise.all(times(MANY, () => read("load", 1)));
    const statuses = replies.map(({ status }) => status).sort();
    expect(statuses).toEqual([...times(MANY - 1, () => 200), 201]);
    expect(new Set(replies.map(({ json }) => json.id)).size).toBe(1);
    const { json } = await ask("GET", `/${replies[0]?.json.id}`);
    expect(json.occurrences).toBe(MANY);
    const sum = await database
      .prepare(
        `SELECT sum(count) AS counted FROM audit_log JOIN audit_sums USING (sum_key)
         WHERE action = 'signal.counted' AND target = ?`,
      )
      .bind(json.id)
      .first("counted");
    expect(sum).toBe(MANY - 1);
    showFigures(task, `${MANY} readings at once: 1 signal, ${sum} counted, none refused`);
  });
});

describe("what is no signal", () => {
  const FORMS = /one of three forms.*response_time_ms.*metric and metric_value.*by hand/;
  it.each<[string, unknown, string, RegExp]>([
    ["none of the forms", {}, "", FORMS],
    ["an unknown member alone", { speed: 3 }, "", FORMS],
    ["a list", [{ response_time_ms: 3 }], "", FORMS],
    ["a number", 3, "", FORMS],
    ["null", null, "", FORMS],
    ["two forms", { response_time_ms: 3, title: "x" }, "/title", FORMS],
    ["reading and report", { response_time_ms: 3, metric: "x" }, "/metric", FORMS],
    ["reading and severity", { metric: "x", metric_value: 1, severity: "low" }, "/severity", FORMS],
    ["a member besides", { response_time_ms: 3, speed: 3 }, "/speed", /is not known/],
    ["a text for a number", { response_time_ms: "800" }, "/response_time_ms", /type number/],
    ["null for a number", { downtime_minutes: null }, "/downtime_minutes", /type number/],
    ["less than none", { response_time_ms: -1 }, "/response_time_ms", /at least 0/],
    ["less than no downtime", { downtime_minutes: -0.1 }, "/downtime_minutes", /at least 0/],
    ["more than all", { error_rate_percent: 100.1 }, "/error_rate_percent", /at most 100/],
    ["a metric without a value", { metric: "x" }, "/metric_value", /required/],
    ["a value without a metric", { metric_value: 1 }, "/metric", /required/],
    ["a metric's name", { metric: "a b", metric_value: 1 }, "/metric", /letters, digits/],
    ["a title without severity", { title: "x" }, "/severity", /must be one of: low/],
    ["a severity without a title", { severity: "low" }, "/title", /required/],
    ["another severity", { severity: "worst", title: "x" }, "/severity", /must be one of: low/],
    ["an empty title", { severity: "low", title: " " }, "/title", /empty/],
    ["a long title", { severity: "low", title: "x".repeat(201) }, "/title", /at most 200/],
  ])("%s", async (_, body, pointer, message) => {
    const reply = await post(body);
    expect(reply.status, reply.text).toBe(422);
    expect(problemOf(reply)).toBe("validation-failed");
    expect(reply.json.errors).toEqual([{ pointer, message: expect.stringMatching(message) }]);
  });

  it.each([
    ['{"response_time_ms": 1e999}', 422],
    ['{"downtime_minutes": -1e999}', 422],
    ['{"metric": "x", "metric_value": 1e400}', 422],
    ['{"metric": "x", "metric_value": NaN}', 400],
    ['{"response_time_ms": Infinity}', 400],
    ["", 422],
  ])("%s is %d", async (raw, status) => {
    const reply = await post(undefined, { raw });
    expect(reply.status, reply.text).toBe(status);
  });

  it("leaves nothing behind", async () => {
    const count = () => database.prepare("SELECT count(*) AS many FROM signals").first("many");
    const before = await count();
    expect((await post({ response_time_ms: 3, title: "x" })).status).toBe(422);
    expect(await count()).toBe(before);
  });
});

/** How signals are opened by hand and by readings, and what is none. */
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
    const description = "Since 9:20:\n\t- all of them";
    expect((await opened({ severity: "low", title: "Lines", description })).description).toBe(
      description,
    );
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
      kind: "reading:queue.depth",
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
    ["over a year", { downtime_minutes: 525_601 }, "/downtime_minutes", /at most 525600/],
    ["less than no downtime", { downtime_minutes: -0.1 }, "/downtime_minutes", /at least 0/],
    ["more than all", { error_rate_percent: 100.1 }, "/error_rate_percent", /at most 100/],
    ["a metric without a value", { metric: "x" }, "/metric_value", /required/],
    ["a value without a metric", { metric_value: 1 }, "/metric", /required/],
    ["a metric's name", { metric: "a b", metric_value: 1 }, "/metric", /letters, digits/],
    ["a title without severity", { title: "x" }, "/severity", /must be one of: low/],
    ["a severity without a title", { severity: "low" }, "/title", /required/],
    ["another severity", { severity: "worst", title: "x" }, "/severity", /must be one of: low/],
    ["an empty title", { severity: "low", title: " " }, "/title", /empty/],
    ["a title of two lines", { severity: "low", title: "x\ny" }, "/title", /control characters$/],
    [
      "a bell in a description",
      { severity: "low", title: "x", description: "a\nb\u0007" },
      "/description",
      /control characters other than newlines and tabs/,
    ],
    ["a long title", { severity: "low", title: "x".repeat(201) }, "/title", /at most 200/],
  ])("%s", async (_, body, pointer, message) => {
    const reply = await post(body);
    expect(reply.status, reply.text).toBe(422);
    expect(problemOf(reply)).toBe("validation-failed");
    expect(reply.json.errors).toEqual([{ pointer, message: expect.stringMatching(message) }]);
  });

  it.each([
    ['{"response_time_ms": 1e999}', 422, /must be a finite number/],
    ['{"downtime_minutes": -1e999}', 422, /must be a finite number/],
    ['{"metric": "x", "metric_value": 1e400}', 422, /must be a finite number/],
    ['{"metric": "x", "metric_value": NaN}', 400, /json/i],
    ['{"response_time_ms": Infinity}', 400, /json/i],
    ["", 422, FORMS],
  ])("%s is %d", async (raw, status, text) => {
    const reply = await post(undefined, { raw });
    expect(reply.status, reply.text).toBe(status);
    expect(reply.text).toMatch(text);
  });
});

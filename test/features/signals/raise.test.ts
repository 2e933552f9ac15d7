/** How others open, count, escalate and recover signals, and what destinations hear of it. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Severity } from "../../../src/features/rules/index.ts";
import {
  type Becoming,
  type FoundSignal,
  raise,
  readRisk,
  recover,
} from "../../../src/features/signals/index.ts";
import { newId } from "../../../src/platform/ids.ts";
import { commit } from "../../../src/platform/tenancy/index.ts";
import { call, type Reply } from "../../support/client.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  type TestDestination,
} from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";
import { times } from "../../support/registration.ts";
import { changesOf, signalsOf } from "../../support/signal-rows.ts";

const AT = new Date("2026-11-22T08:00:00.123Z");
const LATER = new Date("2026-11-22T08:01:00.456Z");

let house: DeliveryHouse;
let destination: TestDestination;
beforeAll(async () => {
  house = await deliveryHouse();
  destination = await house.addDestination({ event_types: ["signal.*"] });
});

const carryOut = async ({ steps, audit, ring }: Becoming) => {
  const ctx = await house.ctx();
  await commit(ctx, steps, audit);
  await ring(ctx);
};
const raising = async (signal: Partial<FoundSignal>, now = AT) => {
  const kind = signal.kind ?? "test";
  const { db } = await house.ctx();
  const whole = {
    source: "infra",
    severity: "high",
    title: "Something",
    kind,
    occurredAt: now,
    ...signal,
  } as const;
  return raise(whole, await readRisk(db, [kind], now), now);
};
const raiseNow = async (signal: Partial<FoundSignal>, now = AT) => {
  const made = await raising(signal, now);
  await carryOut(made);
  return made.row.id;
};
const shown = async (id: string): Promise<Reply["json"]> => {
  const reply = await call("GET", `${house.tenant.api}/signals/${id}`, {
    token: house.tenant.admin.token,
  });
  expect(reply.status, reply.text).toBe(200);
  return reply.json;
};
const only = async (kind: string) => {
  const found = await signalsOf(house, kind);
  expect(found).toHaveLength(1);
  return shown(found[0]?.id ?? "");
};
/** What destinations are told of a signal: types and what they say, the first one first. */
const told = async (id: string) => {
  const { results } = await house.database
    .prepare("SELECT id, type, metadata FROM events WHERE subject = ? ORDER BY id")
    .bind(id)
    .all<{ id: string; type: string; metadata: string }>();
  return results.map(({ id: event, type, metadata }) => ({
    event,
    type,
    says: JSON.parse(metadata),
  }));
};
const queuedFor = async (event: string) =>
  house.database
    .prepare("SELECT count(*) AS many FROM deliveries WHERE event_id = ? AND destination_id = ?")
    .bind(event, destination.id)
    .first<number>("many");
const audited = async (target: string) => {
  const { results } = await house.database
    .prepare(
      `SELECT action, count, json_remove(data, '$.ip', '$.user_agent') AS details FROM audit_log
       JOIN audit_private ON audit_id = id LEFT JOIN audit_sums USING (sum_key)
       WHERE target = ? ORDER BY seq`,
    )
    .bind(target)
    .all<{ action: string; count: number | null; details: string }>();
  return results.map(({ action, count, details }) => [action, count, JSON.parse(details)]);
};

describe("a signal with a key", () => {
  it("is opened once by 50 at once, and counted by the others", async ({ task }) => {
    const MANY = 50;
    const made = await Promise.all(
      times(MANY, () => raising({ kind: "crowd", severity: "critical", dedupeKey: "crowd" })),
    );
    await Promise.all(made.map(carryOut));
    const signal = await only("crowd");
    expect(signal).toMatchObject({ occurrences: MANY, status: "open", severity: "critical" });
    expect(await changesOf(house, signal.id)).toEqual(["opened"]);
    const events = await told(signal.id);
    expect(events.map(({ type }) => type)).toEqual(["signal.opened"]);
    expect(await queuedFor(events[0]?.event ?? "")).toBe(1);
    const everything = await house.database
      .prepare("SELECT count(*) AS many FROM deliveries WHERE type LIKE 'signal.%'")
      .first("many");
    expect(everything, "and no delivery of an event that is none").toBe(1);
    expect(await audited(signal.id)).toEqual([
      ["signal.opened", null, { source: "infra", severity: "critical", kind: "crowd" }],
      ["signal.counted", MANY - 1, {}],
    ]);
    showFigures(
      task,
      `${MANY} raised at once: 1 opened, seen ${signal.occurrences} times, 1 event`,
    );
  });

  it("keeps what it was opened with, and the newest of what changes", async () => {
    const more = { metric: "cpu", ruleId: newId("rule"), title: "First" };
    const first = { kind: "newest", dedupeKey: "newest", metricValue: 1, description: "one" };
    const id = await raiseNow({ ...first, ...more });
    const before = await shown(id);
    await raiseNow({ ...first, title: "Second", metricValue: 2, description: "two" }, LATER);
    expect(await shown(id)).toEqual({
      ...before,
      occurrences: 2,
      metric_value: 2,
      description: "two",
      last_seen_at: LATER.toISOString(),
      updated_at: LATER.toISOString(),
    });
    // One that comes late was not seen last, and what it does not know stays.
    await raiseNow({ kind: "newest", dedupeKey: "newest" }, AT);
    expect(await shown(id)).toMatchObject({
      occurrences: 3,
      metric_value: 2,
      description: "two",
      last_seen_at: LATER.toISOString(),
    });
  });

  it("becomes as severe as the worst, and never less", async () => {
    const about = { kind: "worse", dedupeKey: "worse" };
    const id = await raiseNow({ ...about, severity: "low" });
    for (const severity of ["warning", "medium", "critical", "high", "low"] as Severity[]) {
      await raiseNow({ ...about, severity }, LATER);
    }
    const signal = await only("worse");
    expect(signal).toMatchObject({ id, severity: "critical", occurrences: 6 });
    expect(await changesOf(house, id)).toEqual(["opened", "escalated", "escalated"]);
    const events = await told(id);
    expect(events.map(({ type }) => type)).toEqual(["signal.escalated"]);
    expect(events[0]?.says).toEqual({
      signal: { ...signal, occurrences: 3 },
    });
    expect(await queuedFor(events[0]?.event ?? "")).toBe(1);
    expect(await audited(id)).toEqual([
      ["signal.opened", null, { source: "infra", severity: "low", kind: "worse" }],
      ["signal.escalated", null, { severity: "warning" }],
      ["signal.counted", 5, {}],
      ["signal.escalated", null, { severity: "critical" }],
    ]);
  });

  it("is opened anew after it was resolved", async () => {
    const about = { kind: "anew", dedupeKey: "anew" };
    const first = await raiseNow(about);
    await carryOut(recover("anew", LATER));
    const second = await raiseNow(about);
    expect(second).not.toBe(first);
    expect((await shown(first)).occurrences).toBe(1);
    expect((await shown(second)).status).toBe("open");
  });
});

it("a signal without a key is opened each time", async () => {
  await raiseNow({ kind: "keyless" });
  await raiseNow({ kind: "keyless" });
  expect(await signalsOf(house, "keyless")).toHaveLength(2);
});

it("a signal that happened long ago is less urgent than one of now", async () => {
  const occurredAt = new Date(AT.getTime() - 3 * 60_000);
  const old = await shown(await raiseNow({ kind: "old", occurredAt }));
  expect(old).toMatchObject({ risk_score: 9.16, last_seen_at: occurredAt.toISOString() });
  expect((await shown(await raiseNow({ kind: "new" }))).risk_score).toBe(13.86);
});

describe("recovery", () => {
  it("resolves what is open of a key, once", async () => {
    const id = await raiseNow({ kind: "over", dedupeKey: "over", severity: "critical" });
    await raiseNow({ kind: "else", dedupeKey: "else", severity: "critical" });
    await Promise.all(times(10, () => carryOut(recover("over", LATER))));
    const signal = await shown(id);
    expect(signal).toMatchObject({
      status: "resolved",
      resolved_by: "recovery",
      resolved_at: LATER.toISOString(),
      updated_at: LATER.toISOString(),
    });
    expect(await changesOf(house, id)).toEqual(["opened", "resolved"]);
    const events = await told(id);
    expect(events.map(({ type }) => type)).toEqual(["signal.opened", "signal.resolved"]);
    expect(events[1]?.says).toEqual({ signal });
    expect((await audited(id)).slice(1)).toEqual([
      ["signal.resolved", null, { by: "recovery", dedupe_key: "over" }],
    ]);
    expect((await only("else")).status).toBe("open");
  });

  it("resolves what a rule has opened, acknowledged or not, and tells nobody of a mild one", async () => {
    const ruleId = newId("rule");
    const id = await raiseNow({ kind: "ruled", dedupeKey: "ruled", ruleId });
    await call("POST", `${house.tenant.api}/signals/${id}/acknowledge`, {
      token: house.tenant.admin.token,
    });
    await carryOut(recover("other", LATER));
    expect((await shown(id)).status).toBe("acknowledged");
    await carryOut(recover("ruled", LATER));
    expect(await shown(id)).toMatchObject({ status: "resolved", resolved_by: "recovery" });
    expect(await changesOf(house, id)).toEqual(["opened", "acknowledged", "resolved"]);
    expect(await told(id)).toEqual([]);
  });

  it("of nothing changes nothing", async () => {
    const rows = () =>
      house.database
        .prepare(
          `SELECT (SELECT count(*) FROM audit_log) || ' ' || (SELECT count(*) FROM events) || ' ' ||
             (SELECT count(*) FROM signal_changes) AS rows`,
        )
        .first("rows");
    const before = await rows();
    await carryOut(recover("nothing", LATER));
    expect(await rows()).toBe(before);
  });
});

describe("destinations", () => {
  const post = async (body: unknown) => {
    const reply = await house.ask("POST", "/signals", body);
    expect(reply.status, reply.text).toBe(201);
    return reply.json;
  };

  it("hear of a critical signal, and when somebody has resolved it", async () => {
    const signal = await post({ downtime_minutes: 6 });
    const reply = await house.ask("POST", `/signals/${signal.id}/resolve`);
    await house.deliver();
    const arrived = (await destination.receiver.arrived())
      .map(({ body, verdicts }) => ({ verdicts, ...JSON.parse(body) }))
      .filter(({ data }) => data.subject === signal.id);
    expect(arrived.map(({ type }) => type)).toEqual(["signal.opened", "signal.resolved"]);
    for (const [nth, shownThen] of [signal, reply.json].entries()) {
      expect(arrived[nth]).toMatchObject({ verdicts: ["ok"], data: { source: "signals" } });
      expect(arrived[nth].data.metadata).toEqual({ signal: shownThen });
    }
    const { json } = await house.ask("GET", `/events?subject=${signal.id}`);
    expect(json.data).toHaveLength(2);
    expect(await audited(json.data[0].id)).toEqual([
      ["event.created", null, expect.objectContaining({ source: "signals" })],
    ]);
  });

  it.each([
    ["high", { response_time_ms: 801 }],
    ["medium", { error_rate_percent: 3 }],
    ["low", { downtime_minutes: 5 }],
    ["warning", { severity: "warning", title: "Soon" }],
  ])("hear of no %s one", async (severity, body) => {
    const signal = await post(body);
    expect(signal.severity).toBe(severity);
    await house.ask("POST", `/signals/${signal.id}/resolve`);
    expect(await told(signal.id)).toEqual([]);
  });
});

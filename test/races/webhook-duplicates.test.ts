import { beforeAll, describe, expect, it } from "vitest";
import { consume } from "../../src/platform/jobs/consume.ts";
import { queueJobs } from "../../src/registry.ts";
import { call, newTenant } from "../support/client.ts";
import { holdQueues } from "../support/held-queues.ts";
import { seededRandom } from "../support/random.ts";
import { times } from "../support/registration.ts";
import { addService, eventOf, signed, type TestService } from "../support/webhooks.ts";
import { databaseOfTenant, firstValue, openWorker } from "../support/worker.ts";

describe("one event, delivered many times at once", () => {
  const queues = holdQueues();
  const worker = openWorker(queues.bindings());
  let service: TestService;
  let database: D1Database;
  beforeAll(async () => {
    const tenant = await newTenant();
    service = await addService(tenant);
    database = await databaseOfTenant(tenant.slug);
    // The isolate knows the way; it is not the subject here.
    await call("GET", `${tenant.origin}/health`);
  });

  const count = (sql: string, ...values: unknown[]) => firstValue<number>(database, sql, ...values);

  async function send(body: string, path = "") {
    const { url, headers, body: raw } = await signed(service, body, { path });
    return () => worker.call("POST", url, { headers, raw });
  }

  /** Lets several consumers at once take every doorbell there is. */
  async function consumeAll() {
    for (let taken = queues.take("doorbells"); taken.length > 0; taken = queues.take("doorbells")) {
      await Promise.all(
        times(4, () => queues.deliver(taken, (batch) => consume(queueJobs, batch, worker.env))),
      );
    }
  }

  it("100 times: one is accepted, 99 are told whose duplicates they are", async () => {
    const deliver = await send(eventOf(service, "same"));
    const replies = await Promise.all(times(100, deliver));
    const accepted = replies.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(1);
    const id = accepted[0]?.json.event_id;
    expect(accepted[0]?.json).toEqual({ status: "accepted", event_id: id });
    const others = replies.filter(({ status }) => status !== 202);
    expect(others.map(({ status, json }) => [status, json])).toEqual(
      times(99, () => [200, { status: "duplicate", event_id: id }]),
    );
    await consumeAll();
    expect(await count("SELECT count(*) FROM webhook_events WHERE provider_id = 'same'")).toBe(1);
    expect(await count("SELECT count(*) FROM webhook_payloads WHERE event_id = ?", id)).toBe(1);
    expect(await count("SELECT count(*) FROM events WHERE source_id = ?", id)).toBe(1);
    for (const action of ["webhook.accepted", "webhook.completed"]) {
      const audited = "SELECT count(*) FROM audit_log WHERE action = ? AND target = ?";
      expect(await count(audited, action, id), action).toBe(1);
    }
    const repeats = `SELECT sum(count) FROM audit_log JOIN audit_sums USING (sum_key)
      WHERE action = 'webhook.duplicate' AND target = ?`;
    expect(await count(repeats, id)).toBe(99);
  });

  it("in 20 overlapping batches: each is accepted once, and all are told the same ids", async () => {
    const random = seededRandom("overlapping batches");
    const names = times(100, (index) => `overlap-${index}`);
    const batches = times(20, () => names.filter(() => random.chance(0.5)));
    const deliveries = await Promise.all(
      batches.map((batch) =>
        send(`[${batch.map((name) => eventOf(service, name)).join()}]`, "/batch"),
      ),
    );
    const replies = await Promise.all(deliveries.map((deliver) => deliver()));
    expect(replies.map(({ status }) => status)).toEqual(times(20, () => 202));
    const told = replies.flatMap(({ json }, nth) =>
      json.results.map(({ index, status, event_id }: Record<string, unknown>) => ({
        name: batches[nth]?.[index as number],
        status,
        id: event_id,
      })),
    );
    const sent = new Set(batches.flat());
    const accepted = told.filter(({ status }) => status === "accepted");
    expect(accepted.map(({ name }) => name).sort()).toEqual([...sent].sort());
    expect(told.filter(({ status }) => status === "duplicate")).toHaveLength(
      batches.flat().length - sent.size,
    );
    expect(new Set(told.map(({ name, id }) => `${name} ${id}`)).size).toBe(sent.size);
    await consumeAll();
    const overlapping = "provider_id LIKE 'overlap-%'";
    expect(
      await count(`SELECT count(*) FROM webhook_events
        JOIN webhook_payloads ON event_id = webhook_events.id JOIN events ON source_id = webhook_events.id
        WHERE ${overlapping} AND status = 'completed'`),
    ).toBe(sent.size);
    expect(await count("SELECT count(*) FROM events WHERE subject LIKE 'overlap-%'")).toBe(
      sent.size,
    );
  });
});

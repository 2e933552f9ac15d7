/** Deliveries that are turned away, and what is left of them. */
import { expect } from "vitest";
import { call, problemOf, type Reply, type TestTenant } from "./client.ts";
import { databaseOfTenant } from "./worker.ts";

/**
 * What a tenant keeps: rows of events and payloads, the events of the business that there are or will
 * be, and how often and in how many rows rejections are counted.
 */
export async function kept(tenant: TestTenant) {
  const database = await databaseOfTenant(tenant.slug);
  const results = await database.batch<Record<string, number | string>>([
    database.prepare(`SELECT (SELECT count(*) FROM webhook_events) AS received,
      (SELECT count(*) FROM webhook_payloads) AS payloads, (SELECT count(*) FROM events)
        + (SELECT count(*) FROM webhook_events WHERE status <> 'completed') AS effects`),
    database.prepare(`SELECT sum(count) AS count, count(*) AS rows FROM audit_log JOIN audit_sums USING (sum_key)
      WHERE action = 'webhook.rejected'`),
    database.prepare("SELECT count(*) AS count FROM webhook_rejections"),
  ]);
  const [stored, audited, rows] = results.map(({ results: [row] }) => row);
  return {
    stored,
    audited: Number(audited?.count ?? 0),
    auditRows: Number(audited?.rows),
    rows: Number(rows?.count),
  };
}

/** Rejections as the API tells them, summed over the hours. */
export async function rejections(tenant: TestTenant): Promise<Record<string, number>> {
  const reply = await call("GET", `${tenant.api}/webhooks/rejections?limit=100`, {
    token: tenant.admin.token,
  });
  expect(reply.status, reply.text).toBe(200);
  const sums: Record<string, number> = {};
  for (const { service, reason, count } of reply.json.data) {
    const key = `${service} ${reason}`;
    sums[key] = (sums[key] ?? 0) + count;
  }
  return sums;
}

export interface Refusal {
  readonly status: number;
  readonly problem: string;
  /** Service and reason under which it is counted; null where it is not. */
  readonly rejection: string | null;
}

/** Runs something that is turned away, and checks that its count is all that is left of it. */
export async function turnedAway(
  tenant: TestTenant,
  run: () => Promise<Reply>,
  { status, problem, rejection }: Refusal,
): Promise<Reply> {
  const before = { kept: await kept(tenant), counts: await rejections(tenant) };
  const reply = await run();
  expect([reply.status, problemOf(reply)], reply.text).toEqual([status, problem]);
  expect(reply.headers.get("www-authenticate")).toBe(status === 401 ? "Signature" : null);
  const after = { kept: await kept(tenant), counts: await rejections(tenant) };
  expect(after.kept.stored).toEqual(before.kept.stored);
  const counted = rejection === null ? 0 : 1;
  expect(after.kept.audited).toBe(before.kept.audited + counted);
  expect(after.counts).toEqual(
    rejection === null
      ? before.counts
      : { ...before.counts, [rejection]: (before.counts[rejection] ?? 0) + 1 },
  );
  return reply;
}

/** The tenant's events, as their readers see them. */
import { beforeAll, describe, expect, it } from "vitest";
import { recordEvent } from "../../../src/features/events/index.ts";
import { commit } from "../../../src/platform/tenancy/index.ts";
import {
  addUser,
  type CallOptions,
  call,
  newTenant,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { tenantCtx } from "../../support/ctx.ts";

const UNKNOWN = "event_01jdn2z7q5e8t9v0w1x2y3z4a5";
const day = (nth: number) => new Date(Date.UTC(2026, 0, nth));
const idsOf = (reply: Reply): string[] => reply.json.data.map(({ id }: { id: string }) => id);

describe("events", () => {
  let tenant: TestTenant;
  /** Ids, the first recorded first. */
  let ids: string[];
  beforeAll(async () => {
    tenant = await newTenant();
    const ctx = await tenantCtx(tenant.slug);
    for (const [type, subject, source, sourceId, at] of [
      ["payment.succeeded", "pay_1", "webhook:stripe", "whevent_1", 1],
      ["payment.refunded", "pay_1", "webhook:stripe", "whevent_2", 2],
      ["payment.succeeded", "pay_2", "webhook:paddle", "whevent_3", 3],
      ["order.counted", null, "webhook:shop", "whevent_4", 2],
    ] as const) {
      const metadata = { amount: at, note: "ä" };
      const actorId = null;
      const event = { type, subject, source, sourceId, actorId, occurredAt: day(at), metadata };
      const { steps, audit } = recordEvent(event);
      await commit(ctx, steps, audit as [(typeof audit)[0]]);
    }
    const { json } = await list();
    ids = json.data.map(({ source_id }: { source_id: string }) => source_id);
    expect(new Set(ids).size).toBe(4);
    const byPlace = new Map(
      json.data.map((each: Record<string, string>) => [each.source_id, each.id]),
    );
    ids = [1, 2, 3, 4].map((nth) => String(byPlace.get(`whevent_${nth}`)));
  });
  const list = (query = "", options: CallOptions = {}) =>
    call("GET", `${tenant.api}/events${query}`, { token: tenant.admin.token, ...options });
  const get = (id: string, options: CallOptions = {}) =>
    call("GET", `${tenant.api}/events/${id}`, { token: tenant.admin.token, ...options });

  it("are found by type, subject, source and time", async () => {
    const at = (nth: number) => encodeURIComponent(day(nth).toISOString());
    for (const [query, places] of [
      ["", [1, 2, 3, 4]],
      ["?type=payment.succeeded", [1, 3]],
      ["?type=payment", []],
      ["?subject=pay_1", [1, 2]],
      ["?subject=pay_1&type=payment.refunded", [2]],
      ["?source_id=whevent_3", [3]],
      [`?type=payment.succeeded&from=${at(2)}`, [3]],
      [`?subject=pay_1&to=${at(2)}`, [1]],
      [`?from=${at(2)}`, [2, 3, 4]],
      [`?to=${at(2)}`, [1]],
      [`?from=${at(2)}&to=${at(3)}`, [2, 4]],
      ["?from=2026-01-02T01:00:00%2B01:00&to=2026-01-02T00:00:00.001Z", [2, 4]],
    ] as const) {
      const found = idsOf(await list(query)).map((id) => ids.indexOf(id) + 1);
      expect(found.toSorted(), query).toEqual(places);
    }
  });

  it("are listed the newest recorded first, page by page", async () => {
    const whole = idsOf(await list());
    expect(whole).toEqual(whole.toSorted().reverse());
    for (const limit of [1, 3]) {
      const walked: string[] = [];
      for (let cursor = ""; ; ) {
        const reply = await list(`?limit=${limit}${cursor}`);
        walked.push(...idsOf(reply));
        expect(walked.length, "or it never ends").toBeLessThanOrEqual(whole.length);
        if (reply.json.next_cursor === null) break;
        cursor = `&cursor=${encodeURIComponent(reply.json.next_cursor)}`;
      }
      expect(walked).toEqual(whole);
    }
  });

  it("of a time are listed by when they happened, page by page", async () => {
    const since = `from=${encodeURIComponent(day(1).toISOString())}`;
    const [first, second, third, fourth] = ids;
    const order = [third, ...[second, fourth].toSorted().reverse(), first];
    for (const limit of [1, 2, 4]) {
      const walked: string[] = [];
      for (let cursor = ""; ; ) {
        const reply = await list(`?${since}&limit=${limit}${cursor}`);
        walked.push(...idsOf(reply));
        expect(walked.length, "or it never ends").toBeLessThanOrEqual(order.length);
        if (reply.json.next_cursor === null) break;
        cursor = `&cursor=${encodeURIComponent(reply.json.next_cursor)}`;
      }
      expect(walked).toEqual(order);
    }
  });

  it.each(["?type=", "?from=today", "?limit=0", "?status=new", "?subject=a&subject=b"])(
    "are not asked for with %s",
    async (query) => {
      expect(problemOf(await list(query))).toBe("validation-failed");
    },
  );

  it("take no cursor of other filters or another tenant", async () => {
    const { json } = await list("?limit=1&subject=pay_1");
    const cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`;
    expect(idsOf(await list(`?limit=1&subject=pay_1${cursor}`))).toHaveLength(1);
    const other = await newTenant();
    const foreign = { token: other.admin.token };
    for (const reply of [
      await list(`?limit=1${cursor}`),
      await call("GET", `${other.api}/events?subject=pay_1${cursor}`, foreign),
    ]) {
      expect([reply.status, problemOf(reply)]).toEqual([400, "invalid-cursor"]);
    }
  });

  it("are shown one by one, and never change", async () => {
    const reply = await get(ids[0] ?? "");
    expect(reply.json).toEqual({
      id: ids[0],
      event_type: "payment.succeeded",
      source: "webhook:stripe",
      source_id: "whevent_1",
      subject: "pay_1",
      actor_id: null,
      timestamp: "2026-01-01T00:00:00.000Z",
      recorded_at: expect.any(String),
      metadata: { amount: 1, note: "ä" },
    });
    const etag = reply.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[^"]+"$/);
    const again = await get(ids[0] ?? "", { headers: { "if-none-match": etag } });
    expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
    const other = await get(ids[1] ?? "", { headers: { "if-none-match": '"other"' } });
    expect(other.status).toBe(200);
  });

  it("are read by every role of the tenant, and by nobody else", async () => {
    for (const role of ["manager", "user", "readonly"] as const) {
      const { token } = await addUser(tenant, role);
      expect((await list("", { token })).status).toBe(200);
      expect((await get(ids[0] ?? "", { token })).status).toBe(200);
    }
    const stranger = await newTenant();
    const { token } = stranger.admin;
    expect(problemOf(await list("", { token }))).toBe("unauthenticated");
    expect(problemOf(await list("", { token: undefined }))).toBe("unauthenticated");
    for (const reply of [
      await call("GET", `${stranger.api}/events/${ids[0]}`, { token }),
      await get(UNKNOWN),
      await get("whevent_1"),
    ]) {
      expect(problemOf(reply)).toBe("not-found");
    }
  });
});

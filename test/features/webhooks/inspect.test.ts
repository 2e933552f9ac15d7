/** What people see of received webhooks, and what they may ask for. */
import { beforeAll, describe, expect, it } from "vitest";
import { EventError } from "../../../src/features/webhooks/handling.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { addUser, type Caller, call, problemOf, type Reply } from "../../support/client.ts";
import { HOUR, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { handling, NOTHING, type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { addService, eventOf, signed, type TestService } from "../../support/webhooks.ts";
import { firstValue } from "../../support/worker.ts";

const clock = standingClock({ between: 0 });

const fine = handling(async () => NOTHING);
const failing = handling(async () => {
  throw new EventError("It is not to be.");
});
/** An id that nothing has. */
const UNKNOWN = "whevent_01jdn2z7q5e8t9v0w1x2y3z4a5";
const idsOf = (reply: Reply): string[] => reply.json.data.map(({ id }: { id: string }) => id);

/** Walks a list from cursor to cursor. */
async function walk(house: QuietHouse, path: string, limit: number) {
  const pages: Reply["json"][][] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const more = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const sign = path.includes("?") ? "&" : "?";
    const reply = await house.ask("GET", `${path}${sign}limit=${limit}${more}`);
    expect(reply.status, reply.text).toBe(200);
    pages.push(reply.json.data);
    expect(pages.length, "or it never ends").toBeLessThan(20);
    expect(reply.json.next_cursor === null || reply.json.data.length === limit).toBe(true);
    cursor = reply.json.next_cursor;
  }
  return pages;
}

describe("the list of received events", () => {
  let house: QuietHouse;
  let other: TestService;
  /** Ids by what became of them, the first one first. */
  const ids: string[] = [];
  let fifth: string;
  beforeAll(async () => {
    house = await quietHouse({ max_attempts: 1 });
    other = await addService(house.tenant, "generic", { max_attempts: 2 });
    const post = async (service: TestService, id: string, type: string) => {
      const reply = await house.post(eventOf(service, id, type), "application/json", service);
      ids.push(reply.json.event_id);
    };
    await post(house.service, "1", "order.placed");
    await post(house.service, "2", "order.paid");
    await house.drain(fine);
    await post(house.service, "3", "order.placed");
    await post(other, "4", "order.paid");
    await house.drain(failing);
    await post(other, "5", "order.placed");
    // A second apart.
    const last = Math.floor(Date.now() / SECOND) * SECOND;
    for (const [at, id] of ids.entries()) {
      await house.database
        .prepare("UPDATE webhook_events SET received_at = ? WHERE id = ?")
        .bind(last - (ids.length - 1 - at) * SECOND, id)
        .run();
    }
    fifth = new Date(last).toISOString();
  });
  const list = (query: string) => house.ask("GET", `/webhooks/events${query}`);
  /** Places of the events, as they were sent, that fit. */
  const places = async (query: string) => {
    const reply = await list(query);
    expect(reply.status, reply.text).toBe(200);
    return idsOf(reply).map((id) => ids.indexOf(id) + 1);
  };

  it("shows the newest first, with what became of each", async () => {
    const { json } = await list("");
    expect(idsOf({ json } as Reply)).toEqual(ids.toReversed());
    expect(json.data.at(-1)).toEqual({
      id: ids[0],
      service: house.service.slug,
      type: "order.placed",
      provider_id: "1",
      conflicting: false,
      test: false,
      status: "completed",
      replay: false,
      attempts: 1,
      last_error: null,
      size: expect.any(Number),
      received_at: expect.any(String),
      next_attempt_at: null,
      ended_at: expect.any(String),
    });
    expect(json.data.slice(0, 3)).toMatchObject([
      { status: "pending", attempts: 0, next_attempt_at: null, ended_at: null },
      { status: "failed", last_error: "It is not to be.", next_attempt_at: expect.any(String) },
      { status: "dead_letter", next_attempt_at: null, ended_at: expect.any(String) },
    ]);
  });

  it("finds what was received a moment before or after its id was made", async () => {
    const skewed = await quietHouse();
    const id = await skewed.accept("evt");
    const { receivedAt } = await skewed.event(id);
    for (const skew of [-50 * SECOND, 50 * SECOND]) {
      const at = receivedAt.getTime() + skew;
      const time = (ms: number) => new Date(at + ms).toISOString();
      await skewed.database.prepare("UPDATE webhook_events SET received_at = ?").bind(at).run();
      const found = async (query: string) =>
        idsOf(await skewed.ask("GET", `/webhooks/events?${query}`));
      expect(await found(`from=${time(0)}&to=${time(1)}`)).toEqual([id]);
      expect(await found(`from=${time(1)}`)).toEqual([]);
      expect(await found(`to=${time(0)}`)).toEqual([]);
    }
  });

  it("takes every filter, alone and with others", async () => {
    const mine = `service=${house.service.slug}`;
    const at = encodeURIComponent(fifth);
    for (const [query, expected] of [
      ["?status=completed", [2, 1]],
      ["?status=dead_letter", [3]],
      ["?status=failed", [4]],
      [`?status=dead_letter&${mine}&type=order.placed`, [3]],
      ["?status=failed&type=order.placed", []],
      ["?status=pending", [5]],
      ["?status=processing", []],
      ["?status=archived", []],
      [`?${mine}`, [3, 2, 1]],
      ["?service=nobody", []],
      ["?type=order.paid", [4, 2]],
      ["?type=order", []],
      [`?${mine}&type=order.placed&status=completed`, [1]],
      [`?from=${at}`, [5]],
      [`?to=${at}`, [4, 3, 2, 1]],
      [`?from=${at}&to=${at}`, []],
      ["?from=2020-01-01T00:00:00%2B01:00&to=2020-01-02T00:00:00Z", []],
    ] as const) {
      expect(await places(query), query).toEqual(expected);
    }
  });

  it.each([
    "?status=done",
    "?status=",
    "?service=",
    `?type=${"x".repeat(256)}`,
    "?from=yesterday",
    "?to=2026-01-01",
    "?limit=0",
    "?limit=101",
    "?subject=x",
    "?status=failed&status=pending",
  ])("refuses %s", async (query) => {
    expect(problemOf(await list(query))).toBe("validation-failed");
  });

  it("goes on from page to page, filtered or not, and misses none that came at once", async () => {
    const crowd = await quietHouse();
    await Promise.all(Array.from({ length: 7 }, (_, nth) => crowd.accept(`at-once-${nth}`)));
    const whole = idsOf(await crowd.ask("GET", "/webhooks/events"));
    expect(new Set(whole).size).toBe(7);
    for (const limit of [1, 3, 7]) {
      const pages = await walk(crowd, "/webhooks/events?status=pending", limit);
      expect(pages.flat().map(({ id }) => id)).toEqual(whole);
    }
  });

  it("takes no cursor of another list, another filter or another tenant", async () => {
    const { json, headers } = await list("?limit=1");
    expect(headers.get("link")).toContain('rel="next"');
    const cursor = encodeURIComponent(json.next_cursor);
    const stranger = await quietHouse();
    for (const reply of [
      await list(`?limit=1&status=failed&cursor=${cursor}`),
      await house.ask("GET", `/events?cursor=${cursor}`),
      await house.ask("GET", `/webhooks/rejections?cursor=${cursor}`),
      await stranger.ask("GET", `/webhooks/events?cursor=${cursor}`),
      await list("?cursor=x"),
    ]) {
      expect([reply.status, problemOf(reply)]).toEqual([400, "invalid-cursor"]);
    }
    expect((await list(`?limit=4&cursor=${cursor}`)).json.data).toHaveLength(4);
  });
});

describe("one received event", () => {
  let house: QuietHouse;
  let people: Record<"admin" | "manager" | "user" | "readonly", Caller>;
  beforeAll(async () => {
    house = await quietHouse();
    people = {
      admin: house.tenant.admin,
      manager: await addUser(house.tenant, "manager"),
      user: await addUser(house.tenant, "user"),
      readonly: await addUser(house.tenant, "readonly"),
    };
  });
  const as = (who: keyof typeof people, id: string) =>
    call("GET", `${house.tenant.api}/webhooks/events/${id}`, { token: people[who].token });

  it("shows its attempts and the very body, but not to those who only read", async () => {
    const body = `{ "event_id":"whole",  "text": "zwölf\\u00e4" }\n`;
    const { event_id } = (await house.post(body, "application/json; charset=utf-8")).json;
    await house.drain(failing);
    for (const who of ["admin", "manager", "user", "readonly"] as const) {
      const reply = await as(who, event_id);
      expect(reply.status, who).toBe(200);
      expect(reply.json).toMatchObject({
        id: event_id,
        status: "failed",
        provider_id: "whole",
        size: new TextEncoder().encode(body).byteLength,
        attempt_log: [{ number: 1, outcome: "failed", error: "It is not to be." }],
      });
      expect(reply.json.payload).toEqual(
        who === "readonly"
          ? null
          : { content_type: "application/json; charset=utf-8", encoding: "utf-8", body },
      );
      expect(reply.text.includes("zwölf")).toBe(who !== "readonly");
    }
  });

  it("shows bytes that are no text in base64", async () => {
    const bytes = new Uint8Array([0x61, 0x3d, 0xff, 0x00, 0xfe]);
    const { event_id } = (await house.post(bytes, "application/x-www-form-urlencoded")).json;
    const { json } = await as("user", event_id);
    expect(json.payload).toEqual({
      content_type: "application/x-www-form-urlencoded",
      encoding: "base64",
      body: Buffer.from(bytes).toString("base64"),
    });
  });

  it("is not there for others, nor is one that never was", async () => {
    const id = await house.accept("mine");
    const stranger = await quietHouse();
    for (const reply of [
      await stranger.ask("GET", `/webhooks/events/${id}`),
      await as("admin", UNKNOWN),
    ]) {
      expect(problemOf(reply)).toBe("not-found");
    }
    expect(problemOf(await as("admin", "event_1"))).toBe("not-found");
  });
});

describe("rejections", () => {
  it("are summed by hour, service and reason, and listed the newest hour first", async () => {
    const house = await quietHouse();
    const other = await addService(house.tenant);
    const forge = async (service: TestService, times: number) => {
      const forged = { ...service, secret: "whsec_other" };
      for (let sent = 0; sent < times; sent++) {
        const { url, headers, body } = await signed(forged, "{}");
        await house.worker.call("POST", url, { raw: body, headers });
      }
    };
    const unsigned = (url: string) => house.worker.call("POST", url, { raw: "{}" });
    const stranger = `${house.tenant.api}/webhooks/no-such-service`;
    await forge(house.service, 3);
    await forge(other, 1);
    await unsigned(house.service.url);
    await unsigned(stranger);
    await unsigned(`${stranger}-2`);
    clock.pass(HOUR);
    await forge(house.service, 1);
    const signIn = await call("POST", `${house.tenant.api}/auth/login`, {
      body: { email: house.tenant.admin.email, password: "canary-secret-horse-battery" },
    });
    const ask = (query: string) =>
      house.worker.call("GET", `${house.tenant.api}/webhooks/rejections${query}`, {
        token: signIn.json.access_token,
      });
    const all = (await ask("")).json.data;
    const told = all.map(({ service, reason, count }: Record<string, unknown>) => [
      service,
      reason,
      count,
    ]);
    expect(told[0]).toEqual([house.service.slug, "signature-mismatch", 1]);
    expect(told.slice(1)).toEqual(
      [
        [null, "unknown-service", 2],
        [house.service.slug, "signature-missing", 1],
        [house.service.slug, "signature-mismatch", 3],
        [other.slug, "signature-mismatch", 1],
      ].sort(([two], [one]) => (String(one ?? "") < String(two ?? "") ? -1 : one === two ? 0 : 1)),
    );
    expect(new Date(all[0].hour).getTime() - new Date(all[1].hour).getTime()).toBe(HOUR);
    expect(all[1].first_at <= all[1].last_at).toBe(true);
    const pages: unknown[] = [];
    for (let cursor = ""; ; ) {
      const { json } = await ask(`?limit=1${cursor}`);
      pages.push(...json.data);
      expect(pages.length, "or it never ends").toBeLessThanOrEqual(all.length);
      if (json.next_cursor === null) break;
      cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`;
    }
    expect(pages).toEqual(all);
    expect((await ask(`?service=${other.slug}`)).json.data).toHaveLength(1);
    expect((await ask("?reason=signature-missing")).json.data).toHaveLength(1);
    expect(problemOf(await ask("?reason=bad-luck"))).toBe("validation-failed");
  });
});

describe("the health of webhooks", () => {
  const PATH = "/webhooks/health";
  const ask = (house: QuietHouse, token?: string) =>
    call("GET", `${house.tenant.api}${PATH}`, { token });

  it("tells everybody whether it is well, and people of the tenant the figures", async () => {
    const house = await quietHouse();
    for (const token of [undefined, (await quietHouse()).tenant.admin.token, "x.y.z"]) {
      const reply = await ask(house, token);
      if (token === undefined) expect([reply.status, reply.json]).toEqual([200, { status: "ok" }]);
      else expect(problemOf(reply)).toBe("unauthenticated");
    }
    const people = [house.tenant.admin];
    for (const role of ["manager", "user", "readonly"] as const) {
      people.push(await addUser(house.tenant, role));
    }
    for (const [nth, { token }] of people.entries()) {
      const { json } = await ask(house, token);
      expect(json).toEqual({
        status: "ok",
        // Of services, which admins and managers may read.
        ...(nth < 2 ? { breakers: [] } : {}),
        counts: {
          pending: 0,
          processing: 0,
          completed: 0,
          failed: 0,
          dead_letter: 0,
          archived: 0,
        },
        oldest_pending_seconds: null,
        consumer_seen_at: null,
      });
    }
  });

  it("counts events by state, and says when a consumer was last here", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const dying = handling(async () => {
      throw new Failure("database-unavailable");
    });
    await house.accept("done");
    await house.drain(fine);
    await house.accept("dead-1");
    await house.accept("dead-2");
    await house.drain(failing);
    await house.accept("busy");
    await house.drain(dying);
    const seen = new Date().toISOString();
    await house.accept("first");
    clock.pass(90 * SECOND);
    await house.accept("second");
    const { json } = await ask(house, house.tenant.admin.token);
    expect(json).toEqual({
      status: "ok",
      counts: {
        pending: 2,
        processing: 1,
        completed: 1,
        failed: 0,
        dead_letter: 2,
        archived: 0,
      },
      oldest_pending_seconds: 90,
      consumer_seen_at: seen,
      breakers: [],
    });
  });

  it("counts as far as ten thousand of a state", async () => {
    const house = await quietHouse();
    const id = await house.accept("many");
    await house.database
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO webhook_events SELECT id || i, service, type, provider_id, dedupe_key || i,
          conflicting, test, status, replay, attempts, attempts_left, max_attempts, due_at, lease,
          last_error, size, received_at, ended_at, told_at, buried_at
        FROM webhook_events, n WHERE id = ?`,
      )
      .bind(id)
      .run();
    const counts = async () => (await ask(house, house.tenant.admin.token)).json.counts;
    expect(await counts()).toMatchObject({ pending: 10_000, completed: 0 });
    await house.database
      .prepare("DELETE FROM webhook_events WHERE id LIKE ?")
      .bind(`${id}1%`)
      .run();
    const left = await firstValue(house.database, "SELECT count(*) FROM webhook_events");
    expect((await counts()).pending).toBe(left);
  });

  const oldestDue = (house: QuietHouse) =>
    firstValue<number | null>(house.database, "SELECT min(due_at) FROM webhook_events");

  it("is delayed when something has been due for more than five minutes", async () => {
    const house = await quietHouse({ max_attempts: 3 });
    const status = async () => (await ask(house)).json.status;
    await house.accept("evt");
    // What is new is due a little before it came, so that no other machine's clock holds it up.
    const skew = Date.now() - ((await oldestDue(house)) ?? 0);
    clock.pass(5 * MINUTE - skew);
    expect(await status()).toBe("ok");
    clock.pass(1);
    expect(await status()).toBe("delayed");
    // One that waits for its next attempt is not late before that is due.
    await house.drain({ ...failing, random: () => 1 });
    clock.pass(10 * SECOND + 5 * MINUTE);
    expect(await status()).toBe("ok");
    clock.pass(1);
    expect(await status()).toBe("delayed");
    await house.drain(fine);
    expect(await status()).toBe("ok");
  });

  it("is not delayed by replays, which wait behind what is new", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const id = await house.accept("evt");
    await house.drain(failing);
    await house.ask("POST", `/webhooks/events/${id}/replay`);
    clock.pass(6 * MINUTE);
    expect((await ask(house)).json.status).toBe("ok");
  });
});

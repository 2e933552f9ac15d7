/** Events that actors have, as the API takes them in one by one. */
import { beforeAll, describe, expect, it } from "vitest";
import { addActor } from "../../support/actors.ts";
import {
  addUser,
  type CallOptions,
  call,
  newTenant,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { DAY, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { databaseOfTenant, firstValue, openWorker, wrapAll } from "../../support/worker.ts";

const UNKNOWN = "actor_01jdn2z7q5e8t9v0w1x2y3z4a5";
/** A number in so many lists. */
const nest = (lists: number) => `${"[".repeat(lists)}1${"]".repeat(lists)}`;
const errorsOf = (reply: Reply) =>
  (reply.json.errors ?? []).map(({ pointer, message }: Record<string, string>) => [
    pointer,
    message,
  ]);

describe("a posted event", () => {
  standingClock({ between: 0 });
  let tenant: TestTenant;
  let actor: string;
  let inactive: string;
  let database: D1Database;
  beforeAll(async () => {
    tenant = await newTenant();
    actor = await addActor(tenant);
    inactive = await addActor(tenant, { active: false });
    database = await databaseOfTenant(tenant.slug);
  });
  const get = (path: string) => call("GET", `${tenant.api}${path}`, { token: tenant.admin.token });
  const post = (body: unknown, options: CallOptions = {}) =>
    call("POST", `${tenant.api}/events`, { token: tenant.admin.token, body, ...options });
  /** An event with these fields, of an actor that there is. */
  const tell = (fields: Record<string, unknown>) =>
    post({ actor_id: actor, event_type: "ticket_reply", ...fields });
  const stored = () => firstValue<number>(database, "SELECT count(*) FROM events");
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

  it("reads as it was posted, and is told by the request that brought it", async () => {
    const body = {
      actor_id: actor,
      event_type: "Antwort 🦊 名前",
      timestamp: "2026-11-20T10:00:00.123Z",
      subject: "ticket “Größe” Ω",
      metadata: {
        response_time_sec: 42.5,
        tiny: 5e-324,
        huge: 1e300,
        null: null,
        "": "",
        "a/b~c": ['"', "\\", "\u0000", "\u2028", "😀", "\ud800"],
        nested: { deep: [{ er: true }] },
      },
    };
    const made = await post(body, { headers: { "x-request-id": "req-of-the-client" } });
    expect(made.status, made.text).toBe(201);
    const { id } = made.json;
    expect(made.json).toEqual({
      id: expect.stringMatching(/^event_[0-7][0-9a-hjkmnp-tv-z]{25}$/),
      ...body,
      source: "api",
      source_id: made.headers.get("x-request-id"),
      recorded_at: new Date().toISOString(),
    });
    expect(made.headers.get("location")).toBe(`/api/v1/events/${id}`);
    const read = await get(`/events/${id}`);
    expect(read.text).toBe(made.text);
    expect(read.headers.get("etag")).toBe(made.headers.get("etag"));
    const { json } = await get(`/audit?target=${id}`);
    expect(json.data).toMatchObject([
      {
        action: "event.created",
        principal: `user:${tenant.admin.id}`,
        private: { type: body.event_type, source: "api", actor_id: actor },
      },
    ]);
  });

  it("happens now, about nothing, and measures nothing, where it says no more", async () => {
    const { json } = await tell({});
    expect(json).toMatchObject({
      timestamp: new Date().toISOString(),
      subject: null,
      metadata: {},
    });
    expect((await tell({ subject: null })).json.subject).toBeNull();
    expect((await tell({ timestamp: "2026-11-20T12:00:00+02:00" })).json.timestamp).toBe(
      "2026-11-20T10:00:00.000Z",
    );
  });

  it("is at most 5 minutes ahead and no older than what is kept", async () => {
    const before = await stored();
    for (const [timestamp, message] of [
      [ago(-5 * MINUTE), null],
      [ago(-5 * MINUTE - 1), "must not be more than 5 minutes ahead"],
      ["9999-12-31T23:59:59Z", "must not be more than 5 minutes ahead"],
      [ago(400 * DAY), null],
      [ago(400 * DAY + 1), "must not be more than 400 days ago"],
      ["0001-01-01T00:00:00Z", "must not be more than 400 days ago"],
      ["2026-02-30T00:00:00Z", "is not a valid ISO 8601 time"],
      ["2026-11-20", "is not a valid ISO 8601 time"],
      ["", "is not a valid ISO 8601 time"],
      [Date.now(), "must be of type string"],
      [null, "must be of type string"],
    ] as const) {
      const reply = await tell({ timestamp });
      expect(errorsOf(reply), String(timestamp)).toEqual(message ? [["/timestamp", message]] : []);
      expect(reply.status).toBe(message ? 422 : 201);
    }
    expect((await stored()) - before).toBe(2);
    const kept = openWorker({ EVENT_DAYS: "30" });
    for (const [ms, status] of [
      [30 * DAY, 201],
      [30 * DAY + SECOND, 422],
    ] as const) {
      const body = { actor_id: actor, event_type: "t", timestamp: ago(ms) };
      const reply = await kept.call("POST", `${tenant.api}/events`, {
        token: tenant.admin.token,
        body,
      });
      expect(reply.status).toBe(status);
    }
  });

  it("has an actor of the tenant, who is active", async () => {
    const stranger = await newTenant();
    const foreign = await addActor(stranger);
    const before = await stored();
    for (const [actor_id, message] of [
      [UNKNOWN, "names no actor"],
      [foreign, "names no actor"],
      [inactive, "names an actor that is not active"],
      ["actor_1", "is no actor id"],
      [tenant.admin.id, "is no actor id"],
      [undefined, "is required"],
      [null, "must be of type string"],
    ] as const) {
      const reply = await tell({ actor_id });
      expect(problemOf(reply)).toBe("validation-failed");
      expect(errorsOf(reply), String(actor_id)).toEqual([["/actor_id", message]]);
    }
    expect(await stored()).toBe(before);
    const { json } = await get("/audit?action=event.created&limit=1");
    expect((await get(`/events/${json.data[0].target}`)).status).toBe(200);
  });

  it("is not told by an actor who is made inactive at that moment", async () => {
    const leaving = await addActor(tenant);
    const before = await stored();
    const racing = openWorker(
      wrapAll(() => async ({ kind }, run) => {
        if (kind === "batch") {
          const sql = "UPDATE actors SET active = 0 WHERE id = ?";
          await database.prepare(sql).bind(leaving).run();
        }
        return run();
      }),
    );
    const reply = await racing.call("POST", `${tenant.api}/events`, {
      token: tenant.admin.token,
      body: { actor_id: leaving, event_type: "t" },
    });
    expect(errorsOf(reply)).toEqual([["/actor_id", "names an actor that is not active"]]);
    expect(await stored()).toBe(before);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["no type", { event_type: undefined }, "/event_type"],
    ["an empty type", { event_type: " " }, "/event_type"],
    ["a type of 256 letters", { event_type: "x".repeat(256) }, "/event_type"],
    ["a control character in its type", { event_type: "a\nb" }, "/event_type"],
    ["half a letter in its type", { event_type: "a\ud800" }, "/event_type"],
    ["a number as its type", { event_type: 7 }, "/event_type"],
    ["an empty subject", { subject: "" }, "/subject"],
    ["a subject of 256 letters", { subject: "x".repeat(256) }, "/subject"],
    ["a list as metadata", { metadata: [] }, "/metadata"],
    ["null as metadata", { metadata: null }, "/metadata"],
    ["a text as metadata", { metadata: "{}" }, "/metadata"],
    ["metadata of 16,385 bytes", { metadata: { a: "x".repeat(16_377) } }, "/metadata"],
    ["a source", { source: "webhook:stripe" }, "/source"],
    ["the name that readers show", { occurred_at: "2026-11-20T10:00:00Z" }, "/occurred_at"],
  ])("is not taken with %s", async (_, fields, pointer) => {
    const reply = await tell(fields);
    expect(problemOf(reply)).toBe("validation-failed");
    expect(errorsOf(reply).map(([place]: string[]) => place)).toEqual([pointer]);
  });

  it("has metadata of 16,384 bytes, a type and a subject of 255 letters", async () => {
    const metadata = { a: "x".repeat(16_376) };
    const text = "ä".repeat(255);
    const { status, json } = await tell({ metadata, event_type: text, subject: text });
    expect([status, json.metadata, json.event_type, json.subject]).toEqual([
      201,
      metadata,
      text,
      text,
    ]);
  });

  it.each([
    ["a number beyond all", "1e999", "/metadata/a/0", "must be a finite number"],
    ["a number below all", "-1e999", "/metadata/a/0", "must be a finite number"],
    ["9 levels", nest(7), `/metadata/a${"/0".repeat(7)}`, "must not be nested over 8 levels"],
    [
      "a sea of levels",
      nest(1e5),
      `/metadata/a${"/0".repeat(7)}`,
      "must not be nested over 8 levels",
    ],
    [
      "a name that readers stumble over",
      '{"__proto__": 1}',
      "/metadata/a/0/__proto__",
      "must have another name",
    ],
  ])("has no metadata with %s", async (_, value, pointer, message) => {
    const raw = `{"actor_id":"${actor}","event_type":"t","metadata":{"a":[${value}]}}`;
    const reply = await post(undefined, { raw });
    expect([reply.status, errorsOf(reply)]).toEqual([422, [[pointer, message]]]);
  });

  it("has metadata with 8 levels", async () => {
    const metadata = { a: [JSON.parse(nest(6))] };
    const { status, json } = await tell({ metadata });
    expect([status, json.metadata]).toEqual([201, metadata]);
  });

  it("is stored once with a key, however often it is sent", async () => {
    const before = await stored();
    const body = { actor_id: actor, event_type: "keyed", metadata: { nth: 1 } };
    const options = { headers: { "idempotency-key": "event-1" } };
    const [first, again] = [await post(body, options), await post(body, options)];
    expect([again.status, again.text]).toEqual([201, first.text]);
    const other = await post({ ...body, metadata: { nth: 2 } }, options);
    expect(problemOf(other)).toBe("idempotency-mismatch");
    expect((await stored()) - before).toBe(1);
  });

  it("is found by its actor, and by its actor, type and time", async () => {
    const other = await addActor(tenant);
    const ids: string[] = [];
    for (const [actor_id, event_type, days] of [
      [other, "a", 3],
      [other, "b", 2],
      [actor, "a", 2],
      [other, "a", 1],
    ] as const) {
      const reply = await post({ actor_id, event_type, timestamp: ago(days * DAY) });
      ids.push(reply.json.id);
    }
    for (const [query, places] of [
      [`actor_id=${other}`, [3, 1, 0]],
      [`actor_id=${other}&type=a`, [3, 0]],
      [`actor_id=${other}&type=a&from=${ago(2 * DAY)}`, [3]],
      [`actor_id=${other}&to=${ago(1 * DAY)}`, [1, 0]],
      [`actor_id=${other}&from=${ago(3 * DAY)}&to=${ago(1 * DAY)}&limit=1`, [1, 0]],
      [`actor_id=${UNKNOWN}`, []],
    ] as const) {
      const walked: number[] = [];
      for (let cursor = ""; ; ) {
        const { json } = await get(`/events?${query}${cursor}`);
        walked.push(...json.data.map(({ id }: { id: string }) => ids.indexOf(id)));
        expect(walked.length, "or it never ends").toBeLessThan(ids.length);
        if (json.next_cursor === null) break;
        cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`;
      }
      expect(walked, query).toEqual(places);
    }
    expect(problemOf(await get("/events?actor_id=somebody"))).toBe("validation-failed");
  });

  it("is told by admins, managers and users, and by nobody else", async () => {
    const body = { actor_id: actor, event_type: "t" };
    for (const [role, status] of [
      ["manager", 201],
      ["user", 201],
      ["readonly", 403],
    ] as const) {
      const { token } = await addUser(tenant, role);
      expect((await post(body, { token })).status).toBe(status);
    }
    const stranger = await newTenant();
    expect(problemOf(await post(body, { token: stranger.admin.token }))).toBe("unauthenticated");
    expect(problemOf(await post(body, { token: undefined }))).toBe("unauthenticated");
  });
});

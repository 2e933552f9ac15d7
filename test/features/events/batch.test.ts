/** Many events at once: the good ones stored all together, the bad ones named by their index. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { addActor } from "../../support/actors.ts";
import {
  addUser,
  type CallOptions,
  call,
  newTenant,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { showFigures } from "../../support/figures.ts";
import { databaseOfTenant, firstValue, openWorker, wrapAll } from "../../support/worker.ts";

interface Result {
  readonly index: number;
  readonly status: string;
  readonly event_id?: string;
  readonly errors?: { pointer: string; message: string }[];
}

describe("a batch of events", () => {
  let tenant: TestTenant;
  let actor: string;
  let inactive: string;
  let database: D1Database;
  let before: number;
  beforeAll(async () => {
    tenant = await newTenant();
    actor = await addActor(tenant);
    inactive = await addActor(tenant, { active: false });
    database = await databaseOfTenant(tenant.slug);
  });
  const count = () => firstValue<number>(database, "SELECT count(*) FROM events");
  const audited = () => firstValue<number>(database, "SELECT count(*) FROM audit_log");
  beforeEach(async () => {
    before = await count();
  });
  const stored = async () => (await count()) - before;
  const batchOptions = (events: unknown, options: CallOptions = {}) => ({
    token: tenant.admin.token,
    body: { events },
    ...options,
  });
  const url = () => `${tenant.api}/events/batch`;
  const post = (events: unknown, options?: CallOptions) =>
    call("POST", url(), batchOptions(events, options));
  const get = (path: string) => call("GET", `${tenant.api}${path}`, { token: tenant.admin.token });
  const event = (fields: Record<string, unknown> = {}) => ({
    actor_id: actor,
    event_type: "t",
    ...fields,
  });
  const many = (length: number) =>
    Array.from({ length }, (_, nth) => event({ metadata: { nth }, subject: `ünit ${nth}` }));

  it("of 500 is stored in its order, in one commit with one audit entry", async ({ task }) => {
    const entries = await audited();
    const requestId = "req-of-five-hundred";
    const reply = await post(many(500), { headers: { "x-request-id": requestId } });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json).toMatchObject({ created: 500, rejected: 0 });
    const results: Result[] = reply.json.results;
    expect(results.map(({ index, status }) => [index, status])).toEqual(
      Array.from({ length: 500 }, (_, index) => [index, "created"]),
    );
    const ids = results.map(({ event_id }) => event_id ?? "");
    expect(ids).toEqual([...new Set(ids)].sort());
    const { results: rows } = await database
      .prepare("SELECT id, subject, metadata, source_id, actor_id FROM events WHERE source_id = ?")
      .bind(requestId)
      .all<Record<string, string>>();
    expect(rows).toHaveLength(500);
    for (const { id = "", subject, metadata = "", actor_id } of rows) {
      const nth = ids.indexOf(id);
      expect([subject, JSON.parse(metadata), actor_id]).toEqual([`ünit ${nth}`, { nth }, actor]);
    }
    expect((await audited()) - entries).toBe(1);
    const { json } = await get("/audit?limit=1");
    expect(json.data).toMatchObject([
      { action: "events.created", target: null, private: { events: 500, rejected: 0 } },
    ]);
    showFigures(task, "500 events stored in 1 commit with 1 audit entry");
  });

  it("of 501, of none, or that is none, stores nothing", async () => {
    for (const [events, pointer] of [
      [many(501), "/events"],
      [[], "/events"],
      [undefined, "/events"],
      [{}, "/events"],
      [null, "/events"],
    ] as const) {
      const reply = await post(events);
      expect(problemOf(reply)).toBe("validation-failed");
      expect(reply.json.errors).toMatchObject([{ pointer }]);
    }
    for (const body of [many(2), { events: many(2), more: 1 }]) {
      expect(problemOf(await call("POST", url(), batchOptions([], { body })))).toBe(
        "validation-failed",
      );
    }
    expect(await stored()).toBe(0);
  });

  it("with 3 bad ones among 7 stores the 4 good ones and names the bad ones", async () => {
    const unknown = "actor_01jdn2z7q5e8t9v0w1x2y3z4a5";
    const reply = await post([
      event(),
      event({ actor_id: unknown }),
      event({ event_type: "b" }),
      event({ actor_id: inactive }),
      event({ metadata: { a: { b: "x".repeat(20_000) } }, event_type: "" }),
      event({ event_type: "ß" }),
      event({ event_type: "d" }),
    ]);
    expect(reply.json).toMatchObject({ created: 4, rejected: 3 });
    const results: Result[] = reply.json.results;
    expect(results.filter(({ status }) => status === "rejected")).toEqual([
      {
        index: 1,
        status: "rejected",
        errors: [{ pointer: "/actor_id", message: "names no actor" }],
      },
      {
        index: 3,
        status: "rejected",
        errors: [{ pointer: "/actor_id", message: "names an actor that is not active" }],
      },
      {
        index: 4,
        status: "rejected",
        errors: [
          { pointer: "/event_type", message: "must not be empty" },
          { pointer: "/metadata", message: "must have at most 16384 bytes as JSON" },
        ],
      },
    ]);
    expect(await stored()).toBe(4);
    for (const { index, event_id } of results.filter(({ status }) => status === "created")) {
      const { json } = await get(`/events/${event_id}`);
      expect(json.event_type).toBe(["t", "", "b", "", "", "ß", "d"][index]);
    }
    const { json } = await get("/audit?limit=1");
    expect(json.data[0].private).toMatchObject({ events: 4, rejected: 3 });
  });

  it("has each bad one's reasons, whatever is wrong with it", async () => {
    const raws: [string, string, string][] = [
      ["null", "", "must be of type object"],
      ["7", "", "must be of type object"],
      ["[]", "", "must be of type object"],
      ['"event"', "", "must be of type object"],
      [JSON.stringify(event({ more: 1 })), "/more", "is not known"],
      [JSON.stringify({ event_type: "t" }), "/actor_id", "is required"],
      [
        JSON.stringify(event({ timestamp: "2999-01-01T00:00:00Z" })),
        "/timestamp",
        "must not be more than 5 minutes ahead",
      ],
      [
        JSON.stringify(event({ timestamp: "2001-01-01T00:00:00Z" })),
        "/timestamp",
        "must not be more than 400 days ago",
      ],
      [
        `{"actor_id":"${actor}","event_type":"t","metadata":{"a/~":[0,1e999]}}`,
        "/metadata/a~1~0/1",
        "must be a finite number",
      ],
      [
        `{"actor_id":"${actor}","event_type":"t","metadata":{"a":${'{"a":'.repeat(50_000)}1${"}".repeat(50_001)}}`,
        `/metadata${"/a".repeat(8)}`,
        "must not be nested over 8 levels",
      ],
      [`${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`, "/actor_id", "is required"],
    ];
    const raw = `{"events":[${raws.map(([text]) => text).join()}]}`;
    // With a key, all of it is written down to be compared.
    const options = { raw, headers: { "idempotency-key": "bad-ones" } };
    const reply = await post(undefined, options);
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json).toMatchObject({ created: 0, rejected: raws.length });
    for (const { index, errors } of reply.json.results as Result[]) {
      const [, pointer, message] = raws[index] ?? [];
      expect(errors?.[0], `${index}`).toEqual({ pointer, message });
    }
    expect(await stored()).toBe(0);
    expect((await post(undefined, options)).text).toBe(reply.text);
  });

  it("in which all are bad changes nothing at all", async () => {
    const entries = await audited();
    const reply = await post([event({ actor_id: inactive }), {}]);
    expect([reply.status, reply.json.created, reply.json.rejected]).toEqual([200, 0, 2]);
    expect([await stored(), (await audited()) - entries]).toEqual([0, 0]);
  });

  it("is answered the same again under its key, whatever has become of its actors", async () => {
    const leaving = await addActor(tenant);
    const activate = (active: boolean) =>
      call("PUT", `${tenant.api}/actors/${leaving}`, {
        token: tenant.admin.token,
        body: { active },
      });
    for (const [key, actors] of [
      ["good", [leaving, actor]],
      ["good and bad", [leaving, inactive]],
      ["all bad", [inactive, inactive]],
    ] as const) {
      const events = actors.map((actor_id) => event({ actor_id }));
      const options = { headers: { "idempotency-key": `batch-${key.replaceAll(" ", "-")}` } };
      const first = await post(events, options);
      expect(first.status, first.text).toBe(200);
      const made = await stored();
      await activate(false);
      const again = await post(events, options);
      expect([again.status, again.text, await stored()]).toEqual([200, first.text, made]);
      const other = [...events, event()];
      expect(problemOf(await post(other, options))).toBe("idempotency-mismatch");
      await activate(true);
    }
    expect(await stored()).toBe(3);
  });

  it("is judged once more when an actor is made inactive at that moment", async () => {
    const leaving = await addActor(tenant);
    let batches = 0;
    const racing = openWorker(
      wrapAll(() => async ({ kind, sql }, run) => {
        if (kind === "batch" && sql.some((text) => text.startsWith('insert into "events"'))) {
          batches += 1;
          const set = "UPDATE actors SET active = 0 WHERE id = ?";
          await database.prepare(set).bind(leaving).run();
        }
        return run();
      }),
    );
    const events = [event(), event({ actor_id: leaving }), event({ event_type: "u" })];
    const reply = await racing.call("POST", url(), batchOptions(events));
    expect(reply.json).toMatchObject({
      created: 2,
      rejected: 1,
      results: [{ status: "created" }, { status: "rejected" }, { status: "created" }],
    });
    expect(reply.json.results[1].errors).toEqual([
      { pointer: "/actor_id", message: "names an actor that is not active" },
    ]);
    expect([batches, await stored()]).toEqual([2, 2]);
  });

  it("is answered as it was judged at last, when by then nothing of it is right", async () => {
    const leaving = await addActor(tenant);
    const racing = openWorker(
      wrapAll(() => async ({ kind }, run) => {
        const set = "UPDATE actors SET active = 0 WHERE id = ?";
        if (kind === "batch") await database.prepare(set).bind(leaving).run();
        return run();
      }),
    );
    const events = [event({ actor_id: leaving })];
    const reply = await racing.call("POST", url(), batchOptions(events));
    expect([reply.status, reply.json.created, reply.json.rejected]).toEqual([200, 0, 1]);
    expect(await stored()).toBe(0);
  });

  it("is a conflict when that happens time and again, and nothing of it is stored", async () => {
    const leaving = await Promise.all(Array.from({ length: 5 }, () => addActor(tenant)));
    const left = [...leaving];
    const racing = openWorker(
      wrapAll(() => async ({ kind }, run) => {
        if (kind === "batch") {
          const set = "UPDATE actors SET active = 0 WHERE id = ?";
          await database
            .prepare(set)
            .bind(left.pop() ?? "")
            .run();
        }
        return run();
      }),
    );
    const events = [event(), ...leaving.map((actor_id) => event({ actor_id }))];
    const reply = await racing.call("POST", url(), batchOptions(events));
    expect([reply.status, problemOf(reply), await stored()]).toEqual([409, "conflict", 0]);
  });

  it("of a megabyte is stored whole", async ({ task }) => {
    const metadata = { text: '“ä"\\\u0001”'.repeat(900), tail: 1e300 };
    const bytes = new TextEncoder().encode(JSON.stringify(metadata)).byteLength;
    const length = Math.floor(1_000_000 / (bytes + 100));
    const events = Array.from({ length }, () => event({ metadata }));
    const reply = await post(events);
    expect(reply.json).toMatchObject({ created: length, rejected: 0 });
    expect(await stored()).toBe(length);
    const last: Result = reply.json.results.at(-1);
    expect((await get(`/events/${last.event_id}`)).json.metadata).toEqual(metadata);
    const large = Array.from({ length: 200 }, () => event({ metadata }));
    expect(problemOf(await post(large))).toBe("content-too-large");
    expect(await stored()).toBe(length);
    showFigures(task, `${length} events with ${bytes} bytes of metadata each in one batch`);
  });

  it("needs the permission to write events", async () => {
    for (const [role, status] of [
      ["user", 200],
      ["readonly", 403],
    ] as const) {
      const { token } = await addUser(tenant, role);
      expect((await post([event()], { token })).status).toBe(status);
    }
  });
});

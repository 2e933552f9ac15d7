import { beforeAll, describe, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import {
  addUser,
  call,
  newTenant,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { showFigures } from "../../support/figures.ts";
import { databaseOfTenant } from "../../support/worker.ts";

let tenant: TestTenant;
let database: D1Database;
beforeAll(async () => {
  tenant = await newTenant();
  database = await databaseOfTenant(tenant.slug);
});

const RULE = {
  metric: "checkout_latency_ms",
  operator: ">",
  threshold: 750.5,
  duration_seconds: 60,
  severity: "high",
} as const;

function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  token = tenant.admin.token,
): Promise<Reply> {
  return call(method, `${tenant.api}/signal-rules${path}`, { token, body, headers });
}

async function add(input: Record<string, unknown> = {}): Promise<Reply> {
  const reply = await ask("POST", "", { ...RULE, ...input });
  expect(reply.status, reply.text).toBe(201);
  return reply;
}

/** What the audit log tells of a rule, with old and new values. */
async function auditOf(id: string) {
  const rows = await database
    .prepare(
      `SELECT action, data FROM audit_log JOIN audit_private ON audit_id = id
        WHERE target = ? ORDER BY seq`,
    )
    .bind(id)
    .raw<[string, string]>();
  return rows.map(([action, data]) => {
    const { old, new: next } = JSON.parse(data);
    return [action, old, next];
  });
}

describe("a rule", () => {
  it("is added, with what it does not say left to be usual", async () => {
    const { duration_seconds: _, ...least } = RULE;
    const reply = await ask("POST", "", least);
    expect(reply.status, reply.text).toBe(201);
    const { id, created_at, updated_at, ...rest } = reply.json;
    expect(rest).toEqual({
      ...RULE,
      duration_seconds: 0,
      active: true,
      breached_since: null,
      last_sample_at: null,
    });
    expect(updated_at).toBe(created_at);
    expect(reply.headers.get("location")).toBe(`/api/v1/signal-rules/${id}`);
    const got = await ask("GET", `/${id}`);
    expect(got.json).toEqual(reply.json);
    expect(got.headers.get("etag")).toBe(reply.headers.get("etag"));
    const set = { ...RULE, duration_seconds: 0, active: true };
    expect(await auditOf(id)).toEqual([["signal_rule.created", undefined, set]]);
  });

  it("is added once with an Idempotency-Key", async () => {
    const headers = { "idempotency-key": "rule-1" };
    const [first, second] = [
      await ask("POST", "", RULE, headers),
      await ask("POST", "", RULE, headers),
    ];
    expect([second?.status, second?.text]).toEqual([201, first?.text]);
  });

  it("is changed, and what is left out stays", async () => {
    const { json: before, headers } = await add();
    const etag = String(headers.get("etag"));
    const reply = await ask(
      "PUT",
      `/${before.id}`,
      { severity: "low", threshold: -2 },
      { "if-match": etag },
    );
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json).toEqual({
      ...before,
      severity: "low",
      threshold: -2,
      updated_at: reply.json.updated_at,
    });
    expect((await ask("GET", `/${before.id}`)).json).toEqual(reply.json);
    const stale = await ask("PUT", `/${before.id}`, { severity: "high" }, { "if-match": etag });
    expect([stale.status, problemOf(stale)]).toEqual([412, "precondition-failed"]);
    const old = { ...RULE, active: true };
    expect((await auditOf(before.id)).slice(1)).toEqual([
      ["signal_rule.updated", old, { ...old, severity: "low", threshold: -2 }],
    ]);
  });

  it("is removed", async () => {
    const { json, headers } = await add();
    const wrong = await ask("DELETE", `/${json.id}`, undefined, { "if-match": '"7"' });
    expect(problemOf(wrong)).toBe("precondition-failed");
    const etag = String(headers.get("etag"));
    expect((await ask("DELETE", `/${json.id}`, undefined, { "if-match": etag })).status).toBe(204);
    for (const [method, body] of [
      ["GET", undefined],
      ["PUT", { active: false }],
      ["DELETE", undefined],
    ] as const) {
      expect(problemOf(await ask(method, `/${json.id}`, body))).toBe("not-found");
    }
    expect((await auditOf(json.id)).at(-1)).toEqual([
      "signal_rule.deleted",
      { ...RULE, active: true },
      undefined,
    ]);
  });

  it("that two change at once is changed by one of them", async () => {
    const { json, headers } = await add();
    const condition = { "if-match": String(headers.get("etag")) };
    const replies = await Promise.all(
      [1, 2, 3, 4, 5].map((threshold) => ask("PUT", `/${json.id}`, { threshold }, condition)),
    );
    const won = replies.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect((await ask("GET", `/${json.id}`)).json).toEqual(won[0]?.json);
    for (const { status } of replies) expect([200, 412]).toContain(status);
  });

  it("is seen by everybody, and changed by admins and managers only", async () => {
    const { json } = await add();
    for (const [role, status] of [
      ["manager", 200],
      ["user", 403],
      ["readonly", 403],
    ] as const) {
      const { token } = await addUser(tenant, role);
      expect((await ask("GET", `/${json.id}`, undefined, {}, token)).status).toBe(200);
      const reply = await ask("PUT", `/${json.id}`, { severity: "low" }, {}, token);
      expect(reply.status, role).toBe(status);
    }
  });
});

describe("rules", () => {
  it("are listed the oldest first, by metric and by whether they are active", async () => {
    const own = tenant;
    tenant = await newTenant();
    const made: string[] = [];
    for (let nth = 0; nth < 7; nth++) {
      const { json } = await add({ metric: `m${nth % 2}`, active: nth < 4 });
      made.push(json.id);
    }
    const read = async (query: string) => {
      const ids: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const more: string = cursor && `&cursor=${cursor}`;
        const { json, text, status } = await ask("GET", `?limit=2${query}${more}`);
        expect(status, text).toBe(200);
        expect(json.data.length).toBeLessThanOrEqual(2);
        ids.push(...json.data.map(({ id }: { id: string }) => id));
        cursor = json.next_cursor;
      }
      return ids;
    };
    const of = (fits: (nth: number) => boolean) => made.filter((_, nth) => fits(nth)).sort();
    expect(await read("")).toEqual([...made].sort());
    expect(await read("&metric=m1")).toEqual(of((nth) => nth % 2 === 1));
    expect(await read("&active=true")).toEqual(of((nth) => nth < 4));
    expect(await read("&active=false&metric=m0")).toEqual(of((nth) => nth >= 4 && nth % 2 === 0));
    expect(await read("&metric=m2")).toEqual([]);
    const { json } = await ask("GET", "?limit=2&metric=m0");
    const foreign = await ask("GET", `?limit=2&metric=m1&cursor=${json.next_cursor}`);
    expect([foreign.status, problemOf(foreign)]).toEqual([400, "invalid-cursor"]);
    tenant = own;
  });

  it("are 100 at most, though many add at once", async ({ task }) => {
    const own = tenant;
    tenant = await newTenant();
    const replies = await Promise.all(Array.from({ length: 110 }, () => ask("POST", "", RULE)));
    const made = replies.filter(({ status }) => status === 201);
    const refused = replies.filter(({ status }) => status === 422);
    expect([made.length, refused.length]).toEqual([100, 10]);
    expect(refused[0]?.json.detail).toBe("There are 100 rules already, and no more are kept.");
    expect((await ask("DELETE", `/${made[0]?.json.id}`)).status).toBe(204);
    expect((await ask("POST", "", RULE)).status).toBe(201);
    tenant = own;
    showFigures(task, "110 at once: 100 made, 10 refused with 422");
  });
});

describe("bad input", () => {
  const wrong: [name: string, change: string, pointer: string][] = [
    ["no metric", '"metric":null', "/metric"],
    ["an empty metric", '"metric":""', "/metric"],
    ["a metric with a blank", '"metric":"two words"', "/metric"],
    ["a metric with a line's end", '"metric":"latency\\n"', "/metric"],
    ["a metric of 101 characters", `"metric":"${"x".repeat(101)}"`, "/metric"],
    ["an unknown operator", '"operator":">="', "/operator"],
    ["an operator that is none", '"operator":""', "/operator"],
    ["a threshold beyond all numbers", '"threshold":1e999', "/threshold"],
    ["one below all numbers", '"threshold":-1e999', "/threshold"],
    ["a threshold over 1e15", '"threshold":1.1e15', "/threshold"],
    ["one under -1e15", '"threshold":-1e16', "/threshold"],
    ["a threshold that is text", '"threshold":"750"', "/threshold"],
    ["no threshold", '"threshold":null', "/threshold"],
    ["a negative duration", '"duration_seconds":-1', "/duration_seconds"],
    ["half a second", '"duration_seconds":0.5', "/duration_seconds"],
    ["more than a day", '"duration_seconds":86401', "/duration_seconds"],
    ["an endless duration", '"duration_seconds":1e999', "/duration_seconds"],
    ["a duration that is text", '"duration_seconds":"60"', "/duration_seconds"],
    ["an unknown severity", '"severity":"urgent"', "/severity"],
    ["an active that is neither", '"active":"yes"', "/active"],
    ["what nobody may set", '"breached_since":null', "/breached_since"],
    ["a version", '"state_version":7', "/state_version"],
    ["a share over the whole", '"metric":"error_rate_percent","threshold":100', "/threshold"],
    [
      "a share under nothing",
      '"metric":"error_rate_percent","operator":"<","threshold":0',
      "/threshold",
    ],
    ["a time under nothing", '"operator":"<","threshold":-1', "/threshold"],
  ];
  /** As text, since JSON.stringify has no word for 1e999. */
  const send = (method: string, path: string, members: string) => {
    const raw = `{${members}}`;
    return call(method, `${tenant.api}/signal-rules${path}`, { token: tenant.admin.token, raw });
  };
  /** A whole rule in which these members stand instead of its own. */
  const wholeWith = (change: string) => {
    const rest = Object.entries(RULE).filter(([name]) => !change.includes(`"${name}"`));
    return [...rest.map(([name, value]) => `"${name}":${JSON.stringify(value)}`), change].join();
  };
  const expectRefusal = (reply: Reply, pointer: string) => {
    expect([reply.status, problemOf(reply)], reply.text).toEqual([422, "validation-failed"]);
    expect(reply.json.errors).toContainEqual({ pointer, message: expect.stringMatching(/\w/) });
  };

  it.each(wrong)("in a new rule: %s", async (_, change, pointer) => {
    expectRefusal(await send("POST", "", wholeWith(change)), pointer);
  });

  it.each(wrong)("in a change: %s", async (_, change, pointer) => {
    const { json: before } = await add();
    expectRefusal(await send("PUT", `/${before.id}`, change), pointer);
    expect((await ask("GET", `/${before.id}`)).json).toEqual(before);
    await ask("DELETE", `/${before.id}`);
  });

  it.each(Object.keys(RULE).filter((name) => name !== "duration_seconds"))(
    "a new rule without %s",
    async (name) => {
      const rest = Object.entries(RULE).filter(([each]) => each !== name);
      expectRefusal(await ask("POST", "", Object.fromEntries(rest)), `/${name}`);
    },
  );

  it("in a change that is impossible only with what stays", async () => {
    const { json: before } = await add({ metric: "error_rate", threshold: 250 });
    const path = `/${before.id}`;
    expectRefusal(await ask("PUT", path, { metric: "error_rate_percent" }), "/threshold");
    expect((await ask("GET", path)).json).toEqual(before);
    const both = { metric: "error_rate_percent", threshold: 99 };
    expect((await ask("PUT", path, both)).status).toBe(200);
  });

  it("in a change that names nothing", async () => {
    const { json } = await add();
    expectRefusal(await ask("PUT", `/${json.id}`, {}), "");
  });

  it.each([
    ["?metric=", 422],
    ["?metric=two%20words", 422],
    ["?active=1", 422],
    ["?active=true&active=false", 422],
    ["?severity=low", 422],
    ["?limit=0", 422],
    ["?cursor=nonsense", 400],
    ["/rule_1", 404],
    [`/${newId("rule")}`, 404],
    [`/${newId("signal")}`, 404],
  ])("%s is %i", async (path, status) => {
    const reply = await ask("GET", path);
    expect(reply.status, reply.text).toBe(status);
    problemOf(reply);
  });
});

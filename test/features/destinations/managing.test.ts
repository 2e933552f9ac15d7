import { beforeAll, describe, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import {
  call,
  callWith,
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

const NOBODY = "delivery_01jdn2z7q5e8t9v0w1x2y3z4a5";
const URL_1 = "https://hooks.example.com/in?key=1";

function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return call(method, `${tenant.api}${path}`, { token: tenant.admin.token, body, headers });
}

async function add(input: Record<string, unknown> = {}): Promise<Reply> {
  const reply = await ask("POST", "/destinations", { url: URL_1, ...input });
  expect(reply.status, reply.text).toBe(201);
  return reply;
}

const actions = async (target: string) => {
  const rows = await database
    .prepare("SELECT action FROM audit_log WHERE target = ? ORDER BY seq")
    .bind(target)
    .raw();
  return rows.map(([action]) => String(action));
};

describe("a destination", () => {
  it("is added with a secret that is shown this once", async () => {
    const { result: reply, lines } = await captureLogs(() =>
      add({ description: " Orders ", event_types: ["order.*", "user.left", "order.*"] }),
    );
    const { id, secret, secrets } = reply.json;
    expect(reply.json).toMatchObject({
      url: URL_1,
      description: "Orders",
      event_types: ["order.*", "user.left"],
      status: "enabled",
      disabled_reason: null,
      disabled_at: null,
      failing_since: null,
      secrets: [{ expires_at: null }],
    });
    expect(atob(secret.replace(/^whsec_/, "")).length).toBe(32);
    expect(reply.headers.get("location")).toBe(`/api/v1/destinations/${id}`);
    expect(lines.join("\n")).not.toContain(secret);
    const got = await ask("GET", `/destinations/${id}`);
    const { secret: _, ...rest } = reply.json;
    expect(got.json).toEqual(rest);
    for (const path of ["/destinations", "/audit"]) {
      expect((await ask("GET", path)).text).not.toContain(secret);
    }
    const { results } = await database.prepare("SELECT * FROM destination_secrets").all();
    expect(JSON.stringify(results)).not.toContain(secret.slice(6));
    expect(await actions(id)).toEqual(["destination.created"]);
    expect(await actions(secrets[0].id)).toEqual(["destination_secret.added"]);
  });

  it("is not added twice because of an Idempotency-Key: the answer is not kept", async () => {
    const headers = { "idempotency-key": "destination-1" };
    const replies = [
      await ask("POST", "/destinations", { url: URL_1 }, headers),
      await ask("POST", "/destinations", { url: URL_1 }, headers),
    ];
    expect(replies.map(({ status }) => status)).not.toContain(500);
    const secrets = replies.map(({ json }) => json.secret);
    expect(new Set(secrets).size).toBe(secrets.length);
    const kept = await database.prepare("SELECT count(*) AS n FROM idempotency_keys").first("n");
    expect(kept).toBe(0);
  });

  it("is changed, and what is left out stays", async () => {
    const { json } = await add({ description: "before", event_types: ["a.b"] });
    const path = `/destinations/${json.id}`;
    const etag = String((await ask("GET", path)).headers.get("etag"));
    const changed = await ask("PUT", path, { description: null }, { "if-match": etag });
    expect(changed.json).toMatchObject({ description: null, event_types: ["a.b"], url: URL_1 });
    const stale = await ask("PUT", path, { description: "late" }, { "if-match": etag });
    expect(problemOf(stale)).toBe("precondition-failed");
    const all = await ask("PUT", path, { event_types: null, url: "https://other.example.com/" });
    expect(all.json).toMatchObject({ event_types: null, url: "https://other.example.com/" });
    const off = await ask("PUT", path, { status: "disabled" });
    expect(off.json).toMatchObject({
      status: "disabled",
      disabled_reason: "manual",
      disabled_at: expect.any(String),
    });
    const again = await ask("PUT", path, { status: "disabled" });
    expect(again.json.disabled_at).toBe(off.json.disabled_at);
    const on = await ask("PUT", path, { status: "enabled" });
    expect(on.json).toMatchObject({ status: "enabled", disabled_reason: null, disabled_at: null });
    expect((await ask("GET", path)).json).toEqual(on.json);
    expect(await actions(json.id)).toEqual([
      "destination.created",
      "destination.updated",
      "destination.updated",
      "destination.updated",
      "destination.disabled",
      "destination.updated",
      "destination.updated",
      "destination.enabled",
    ]);
  });

  it("is removed with its address and its secrets", async () => {
    const { json } = await add({ url: "https://removed.example.com/" });
    const path = `/destinations/${json.id}`;
    expect(problemOf(await ask("DELETE", path, undefined, { "if-match": '"9"' }))).toBe(
      "precondition-failed",
    );
    expect((await ask("DELETE", path)).status).toBe(204);
    for (const [method, rest, body] of [
      ["GET", "", undefined],
      ["PUT", "", { description: "x" }],
      ["DELETE", "", undefined],
      ["POST", "/secrets", undefined],
      ["GET", "/deliveries", undefined],
      ["POST", "/resend", {}],
      ["POST", "/test", {}],
    ] as const) {
      expect(problemOf(await ask(method, `${path}${rest}`, body))).toBe("not-found");
    }
    expect((await ask("GET", "/destinations?limit=100")).text).not.toContain(json.id);
    const row = await database
      .prepare(
        "SELECT url, (SELECT count(*) FROM destination_secrets WHERE destination_id = d.id) AS secrets FROM destinations AS d WHERE id = ?",
      )
      .bind(json.id)
      .first();
    expect(row).toEqual({ url: "", secrets: 0 });
    expect(await actions(json.id)).toEqual(["destination.created", "destination.deleted"]);
  });

  it("is one of 50 at most, though many add at once", async ({ task }) => {
    const own = tenant;
    tenant = await newTenant();
    const replies = await Promise.all(
      Array.from({ length: 60 }, () => ask("POST", "/destinations", { url: URL_1 })),
    );
    const made = replies.filter(({ status }) => status === 201);
    const refused = replies.filter(({ status }) => status === 422);
    expect([made.length, refused.length]).toEqual([50, 10]);
    expect(refused[0]?.json.detail).toBe(
      "There are 50 destinations already, and no more are kept.",
    );
    expect((await ask("DELETE", `/destinations/${made[0]?.json.id}`)).status).toBe(204);
    expect((await ask("POST", "/destinations", { url: URL_1 })).status).toBe(201);
    const pages: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { json } = await ask("GET", `/destinations?limit=20${cursor && `&cursor=${cursor}`}`);
      pages.push(...json.data.map(({ id }: { id: string }) => id));
      cursor = json.next_cursor;
    }
    expect([pages.length, new Set(pages).size]).toEqual([50, 50]);
    expect(pages).toEqual([...pages].sort());
    tenant = own;
    showFigures(task, "60 at once: 50 made, 10 refused with 422");
  });

  it("whose secret is rotated by two at once has two that sign, and one caller is told", async () => {
    const { json } = await add();
    const path = `/destinations/${json.id}/secrets`;
    const replies = await Promise.all([ask("POST", path), ask("POST", path), ask("POST", path)]);
    const won = replies.filter(({ status }) => status === 201);
    const lost = replies.filter(({ status }) => status === 409);
    expect(won.length + lost.length).toBe(3);
    expect(won.length).toBeGreaterThan(0);
    const { secrets } = (await ask("GET", `/destinations/${json.id}`)).json;
    expect(secrets).toHaveLength(2);
  });
});

describe("bad input", () => {
  const long = `https://example.com/${"x".repeat(2_000)}`;
  const cases: [body: object, pointer: string][] = [
    [{}, "/url"],
    [{ url: 7 }, "/url"],
    [{ url: "" }, "/url"],
    [{ url: "hooks.example.com" }, "/url"],
    [{ url: "ftp://example.com/" }, "/url"],
    [{ url: "javascript:alert(1)" }, "/url"],
    [{ url: long }, "/url"],
    [{ url: "https://user:word@example.com/" }, "/url"],
    [{ url: "https://10.0.0.1/" }, "/url"],
    [{ url: "https://169.254.169.254/latest" }, "/url"],
    [{ url: "https://[::ffff:10.0.0.1]/" }, "/url"],
    [{ url: "https://0x7f.1.0.256/" }, "/url"],
    [{ url: "http://rowhouse.test/api" }, "/url"],
    [{ url: "https://acme.rowhouse.test/" }, "/url"],
    [{ url: "https://example.com:22/" }, "/url"],
    [{ url: "https://intranet/" }, "/url"],
    [{ url: URL_1, description: "" }, "/description"],
    [{ url: URL_1, description: "a\u0000b" }, "/description"],
    [{ url: URL_1, description: "x".repeat(201) }, "/description"],
    [{ url: URL_1, event_types: [] }, "/event_types"],
    [{ url: URL_1, event_types: "order.*" }, "/event_types"],
    [{ url: URL_1, event_types: ["*"] }, "/event_types/0"],
    [{ url: URL_1, event_types: ["ok", ""] }, "/event_types/1"],
    [{ url: URL_1, event_types: ["order*"] }, "/event_types/0"],
    [{ url: URL_1, event_types: ["*.paid"] }, "/event_types/0"],
    [{ url: URL_1, event_types: ["a b"] }, "/event_types/0"],
    [{ url: URL_1, event_types: ["a\nb"] }, "/event_types/0"],
    [{ url: URL_1, event_types: ["x".repeat(256)] }, "/event_types/0"],
    [{ url: URL_1, event_types: Array(101).fill("a") }, "/event_types"],
    [{ url: URL_1, status: "disabled" }, ""],
    [{ url: URL_1, secret: "whsec_mine" }, ""],
  ];
  const named = cases.map(([body, pointer]) => {
    return [JSON.stringify(body).slice(0, 80), body, pointer] as const;
  });
  it.each(named)("in a new destination: %s", async (_, body, pointer) => {
    const reply = await ask("POST", "/destinations", body);
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    const pointers = reply.json.errors.map((error: { pointer: string }) => error.pointer);
    expect(
      pointers.some((each: string) => each.startsWith(pointer)),
      reply.text,
    ).toBe(true);
  });

  it.each([
    ["PUT", "", {}],
    ["PUT", "", { url: "https://10.0.0.1/" }],
    ["PUT", "", { url: null }],
    ["PUT", "", { status: "paused" }],
    ["PUT", "", { status: null }],
    ["PUT", "", { disabled_reason: "gone" }],
    ["PUT", "", { failing_since: null }],
    ["PUT", "", { event_types: [] }],
    ["POST", "/test", { type: "a b" }],
    ["POST", "/test", { type: "" }],
    ["POST", "/test", { data: [] }],
    ["POST", "/test", { id: "event_1" }],
    ["POST", "/resend", { status: "pending" }],
    ["POST", "/resend", { from: "yesterday" }],
    ["POST", "/resend", { to: "2026-13-01T00:00:00Z" }],
    ["POST", "/resend", { event_type: "" }],
    ["POST", "/resend", { dry_run: "yes" }],
    ["POST", "/resend", { all: true }],
  ])("of one: %s %s %j", async (method, path, body) => {
    const { id } = (await add()).json;
    const reply = await ask(method, `/destinations/${id}${path}`, body);
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    expect((await ask("GET", `/destinations/${id}`)).json.url).toBe(URL_1);
    await ask("DELETE", `/destinations/${id}`);
  });

  it.each([
    ["/deliveries?status=gone", 422],
    ["/deliveries?limit=0", 422],
    ["/deliveries?limit=101", 422],
    ["/deliveries?event_type=", 422],
    ["/deliveries?color=red", 422],
    ["/deliveries?cursor=nonsense", 400],
    ["/deliveries/delivery_1", 404],
    [`/deliveries/${NOBODY}`, 404],
    [`/deliveries/${NOBODY.replace("delivery", "event")}`, 404],
  ])("of a list: %s is %i", async (path, status) => {
    const { id } = (await add()).json;
    const reply = await ask("GET", `/destinations/${id}${path}`);
    expect(reply.status, reply.text).toBe(status);
    problemOf(reply);
    await ask("DELETE", `/destinations/${id}`);
  });

  it("of another kind of id, and of one that nobody has", async () => {
    for (const id of [newId("service"), "1", newId("destination")]) {
      expect(problemOf(await ask("GET", `/destinations/${id}`))).toBe("not-found");
    }
    const nobody = `/destinations/${newId("destination")}/deliveries`;
    expect(problemOf(await ask("GET", nobody))).toBe("not-found");
    const delivery = `${nobody}/${newId("delivery")}`;
    expect(problemOf(await ask("POST", `${delivery}/resend`))).toBe("not-found");
  });

  it("of plain http is refused outside development and tests", async () => {
    const production = { ENVIRONMENT: "production", BASE_URL: "https://rowhouse.test" };
    const env = { ...production, ANONYMOUS_PER_MINUTE: "120", TENANT_SCHEMA: undefined };
    const settings = { ...env, PASSWORD_SCRYPT_LN: "14", LOG_LEVEL: "info" };
    const url = `${tenant.api}/destinations`.replace(/^http:/, "https:");
    const token = tenant.admin.token;
    for (const target of [
      "http://hooks.example.com/",
      "http://127.0.0.1:9999/",
      "https://localhost/",
    ]) {
      const reply = await callWith(settings, "POST", url, { token, body: { url: target } });
      expect(reply.status, `${target}: ${reply.text}`).toBe(422);
      expect(reply.json.errors[0].pointer).toBe("/url");
    }
  });
});

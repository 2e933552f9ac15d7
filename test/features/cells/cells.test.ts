import { afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
} from "../../support/client.ts";
import { forgetCells, openCell } from "../../support/open-cell.ts";
import { REGISTER, registrationOf } from "../../support/registration.ts";
import { bindings, databaseOfTenant, firstValue } from "../../support/worker.ts";

const CELLS = `${PLATFORM_ORIGIN}/api/v1/cells`;

describe("cells", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  afterEach(forgetCells);

  const as = (method: string, path = "", body?: unknown, headers = {}) =>
    call(method, CELLS + path, { token: operator.token, body, headers });
  const register = (slug: string) => call("POST", REGISTER, { body: registrationOf(slug) });
  const claimed = () =>
    firstValue<number>(bindings.CONTROL_DB, "SELECT count(*) FROM tenant_databases");

  it("are this one alone, with all that is bound to it, where no deploy has made one known", async () => {
    await newTenant();
    const count = await claimed();
    const { json, status } = await as("GET");
    expect([status, json.next_cursor]).toEqual([200, null]);
    const alone = {
      name: "test-1",
      region: null,
      open: true,
      bound: 200,
      claimable: 200,
      claimed: count,
      retired: 0,
      free: 200 - count,
      updated_at: null,
    };
    expect(json.data).toEqual([alone]);
    expect((await as("GET", "/test-1")).json).toEqual(alone);
  });

  it("once known, take in nobody until their databases were tried", async () => {
    const { slug, api, admin } = await newTenant();
    const count = await claimed();
    const made = await as("PUT", "/test-1", {});
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({ open: true, bound: 200, claimable: count, free: 0 });
    const { version, ...cell } = made.json;
    expect(version, "what runs in the cell that has answered").toBe("development");
    expect((await as("GET", "/test-1")).json).toEqual(cell);
    const refused = await register("too-early");
    expect([refused.status, problemOf(refused)]).toEqual([503, "pool-exhausted"]);
    expect(refused.headers.get("retry-after")).toBe("60");
    const me = await call("GET", `${api}/auth/me`, { token: admin.token });
    expect(me.status, "who lives there is served").toBe(200);

    const tried = await as("POST", "/test-1/databases", { claimable: count + 1 });
    expect(tried.status, tried.text).toBe(200);
    expect(tried.json).toMatchObject({
      claimable: count + 1,
      claimed: count,
      free: 1,
      unfit: null,
    });
    expect((await register("in-time")).status).toBe(201);
    expect(await databaseOfTenant("in-time")).not.toBe(await databaseOfTenant(slug));
    expect((await as("GET", "/test-1")).json).toMatchObject({ claimed: count + 1, free: 0 });
    expect(problemOf(await register("too-late"))).toBe("pool-exhausted");
  });

  it("closed, take nobody in, and keep who is there", async () => {
    const { api, admin } = await newTenant();
    await as("PUT", "/test-1", {});
    await as("POST", "/test-1/databases", { claimable: 100 });
    const closed = await as("PUT", "/test-1", { open: false });
    expect([closed.status, closed.json.open, closed.json.claimable]).toEqual([200, false, 100]);
    expect(problemOf(await register("shut-out"))).toBe("pool-exhausted");
    expect((await call("GET", `${api}/auth/me`, { token: admin.token })).status).toBe(200);
    expect((await as("PUT", "/test-1", { open: true })).json.open).toBe(true);
    expect((await register("let-in")).status).toBe(201);
  });

  it("keep their data where their deployment does, whatever anybody says", async () => {
    const eu = openCell("eu-1", { from: 190, count: 3, region: "eu" });
    const put = (cell: typeof eu, body: object) =>
      cell.as(operator, "PUT", `/cells/${cell.name}`, body);
    for (const body of [{ region: "us" }, { region: null }]) {
      const reply = await put(eu, body);
      expect(problemOf(reply)).toBe("validation-failed");
      expect(reply.json.errors).toEqual([
        { pointer: "/region", message: "must be eu, as the cell's setting REGION" },
      ]);
    }
    expect((await put(eu, {})).json.region).toBe("eu");
    expect((await put(eu, { region: "eu", open: false })).json.region).toBe("eu");
    // While nobody lives there it may move.
    const moved = openCell("eu-1", { from: 190, count: 3, region: "us" });
    expect((await put(moved, { open: true })).json.region).toBe("us");
    await moved.putWith(operator, 1);
    const body = { ...registrationOf("first-in-us"), region: "us" };
    expect((await moved.call("POST", REGISTER, { body })).status).toBe(201);
    const reply = await put(eu, {});
    expect(reply.json.errors[0].message).toBe(
      "must stay us, where the data of the cell's 1 tenants is",
    );
  });

  it("answer for themselves: what another has to do it is asked to", async () => {
    const other = openCell("other-1", { from: 180, count: 2 });
    await as("PUT", "/test-1", {});
    await other.as(operator, "PUT", "/cells/other-1", {});
    const names = (await as("GET")).json.data.map(({ name }: { name: string }) => name);
    expect(names).toEqual(["other-1", "test-1"]);
    expect((await as("GET", "/other-1")).json).toMatchObject({ bound: 2, claimable: 0 });
    for (const reply of [
      await as("PUT", "/other-1", { open: true }),
      await as("PUT", "/other-1", { open: false, region: null }),
      await as("POST", "/other-1/databases", { claimable: 1 }),
    ]) {
      expect([reply.status, problemOf(reply)]).toEqual([421, "misdirected"]);
      expect(reply.headers.get("rowhouse-cell")).toBe("other-1");
    }
    // It may be down: nobody new is to be sent there, whoever says so.
    const closed = await as("PUT", "/other-1", { open: false });
    expect(closed.json).toMatchObject({ name: "other-1", open: false, bound: 2, version: null });
    expect((await as("GET", "/other-1")).json.open).toBe(false);
    // One that only the router may know.
    const unknown = await as("PUT", "/nowhere-1", {});
    expect([unknown.status, problemOf(unknown)]).toEqual([404, "not-found"]);
    expect(unknown.headers.get("rowhouse-cell")).toBe("nowhere-1");
    for (const reply of [
      await as("GET", "/nowhere-1"),
      await as("POST", "/nowhere-1/databases", { claimable: 1 }),
    ]) {
      expect(problemOf(reply)).toBe("not-found");
    }
  });

  it("that are new beside known ones claim nothing before they are known too", async () => {
    await as("PUT", "/test-1", { open: false });
    const fresh = openCell("fresh-1", { from: 180, count: 2 });
    const seen = await fresh.as(operator, "GET", "/cells/fresh-1");
    expect(seen.json).toMatchObject({ open: false, bound: 2, claimable: 0, updated_at: null });
    const early = await fresh.call("POST", REGISTER, { body: registrationOf("unknown-cell") });
    expect(problemOf(early)).toBe("pool-exhausted");
    const unknown = await fresh.as(operator, "POST", "/cells/fresh-1/databases", { claimable: 1 });
    expect([unknown.status, unknown.json.detail]).toEqual([
      404,
      "The cell fresh-1 is not known yet: put it first.",
    ]);
  });

  it("are changed by version, and every change is audited", async () => {
    const made = await as("PUT", "/test-1", { open: true });
    const tag = { "if-match": String(made.headers.get("etag")) };
    expect((await as("PUT", "/test-1", { open: false }, tag)).status).toBe(200);
    expect(problemOf(await as("PUT", "/test-1", { open: true }, tag))).toBe("precondition-failed");
    await as("POST", "/test-1/databases", { claimable: 60 });
    const log = await call("GET", `${PLATFORM_ORIGIN}/api/v1/audit?target=test-1&limit=3`, {
      token: operator.token,
    });
    const rows = log.json.data.map(
      (row: { action: string; principal: string; private: object }) => row,
    );
    expect(rows).toMatchObject([
      { action: "cell.databases_tried", private: { asked: 60, new: 60, unfit: null } },
      { action: "cell.updated", private: { old: { open: true }, new: { open: false } } },
      { action: "cell.created", private: { new: { open: true, region: null } } },
    ]);
    const principals = new Set(rows.map(({ principal }: { principal: string }) => principal));
    expect(principals).toEqual(new Set([`operator:${operator.id}`]));
  });

  it("put at once by two operators are made once", async () => {
    const replies = await Promise.all([as("PUT", "/test-1", {}), as("PUT", "/test-1", {})]);
    const statuses = replies.map(({ status }) => status).sort();
    expect([
      [200, 201],
      [201, 409],
    ]).toContainEqual(statuses);
    expect(await firstValue(bindings.CONTROL_DB, "SELECT count(*) FROM cells")).toBe(1);
  });

  it.each([
    ["PUT", "/test-1", { region: "mars" }, "/region"],
    ["PUT", "/test-1", { open: "yes" }, "/open"],
    ["PUT", "/test-1", { claimable: 5 }, "/claimable"],
    ["POST", "/test-1/databases", {}, "/claimable"],
    ["POST", "/test-1/databases", { claimable: -1 }, "/claimable"],
    ["POST", "/test-1/databases", { claimable: 1.5 }, "/claimable"],
    ["POST", "/test-1/databases", { claimable: "all" }, "/claimable"],
  ])("refuse %s %s %j", async (method, path, body, pointer) => {
    const reply = await as(method, path, body);
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    expect(reply.json.errors[0].pointer).toBe(pointer);
  });

  it("are there for operators on their own door alone", async () => {
    const tenant = await newTenant();
    const { token } = tenant.admin;
    for (const [method, path] of [
      ["GET", "/cells"],
      ["GET", "/cells/test-1"],
      ["PUT", "/cells/test-1"],
      ["POST", "/cells/test-1/databases"],
      ["GET", "/databases"],
    ] as const) {
      const body = method === "GET" ? undefined : {};
      const there = await call(method, tenant.api + path, { token: operator.token, body });
      expect(problemOf(there), `${method} ${path}`).toBe("not-found");
      const here = await call(method, `${PLATFORM_ORIGIN}/api/v1${path}`, { token, body });
      expect(problemOf(here), `${method} ${path}`).toBe("unauthenticated");
    }
  });
});

/** What becomes of signals in the hands of those who look after them. */
import { beforeAll, describe, expect, it } from "vitest";
import { TENANT_ROLES } from "../../../src/platform/access/permissions.ts";
import {
  addUser,
  type Caller,
  call,
  newTenant,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { showFigures } from "../../support/figures.ts";
import { times } from "../../support/registration.ts";
import { changesOf } from "../../support/signal-rows.ts";
import { databaseOfTenant } from "../../support/worker.ts";

const UNKNOWN = "signal_01jdn2z7q5e8t9v0w1x2y3z4a5";
const NOBODY = "user_01jdn2z7q5e8t9v0w1x2y3z4a5";

describe("a signal", () => {
  let tenant: TestTenant;
  let manager: Caller;
  let database: D1Database;
  beforeAll(async () => {
    tenant = await newTenant();
    manager = await addUser(tenant, "manager");
    database = await databaseOfTenant(tenant.slug);
  });

  const ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    call(method, `${tenant.api}/signals${path}`, {
      token: manager.token,
      ...(body === undefined ? {} : { body }),
      ...(headers ? { headers } : {}),
    });
  const newSignal = async (severity = "high"): Promise<string> => {
    const reply = await ask("POST", "", { severity, title: "Something is wrong" });
    expect(reply.status, reply.text).toBe(201);
    return reply.json.id;
  };
  const act = (id: string, what: string, body?: unknown) => ask("POST", `/${id}/${what}`, body);
  const done = async (id: string, what: string, body?: unknown): Promise<Reply["json"]> => {
    const reply = await act(id, what, body);
    expect(reply.status, reply.text).toBe(200);
    return reply.json;
  };
  const changes = (id: string) => changesOf({ database }, id);
  const audit = async (id: string) => {
    const rows = await database
      .prepare(
        `SELECT action, json_remove(data, '$.ip', '$.user_agent', '$.email') AS details
         FROM audit_log JOIN audit_private ON audit_id = id WHERE target = ? ORDER BY seq`,
      )
      .bind(id)
      .all<{ action: string; details: string }>();
    return rows.results
      .map(({ action, details }) => [action, JSON.parse(details)])
      .filter(([action]) => action !== "signal.opened");
  };

  it("is acknowledged by the first who says so", async () => {
    const id = await newSignal();
    const first = await done(id, "acknowledge");
    expect(first).toMatchObject({
      status: "acknowledged",
      acknowledged_by: `user:${manager.id}`,
      acknowledged_at: first.updated_at,
      resolved_at: null,
    });
    const again = await call("POST", `${tenant.api}/signals/${id}/acknowledge`, {
      token: tenant.admin.token,
    });
    expect(again.json).toEqual(first);
    expect(again.headers.get("etag")).toBe((await ask("GET", `/${id}`)).headers.get("etag"));
    expect(await changes(id)).toEqual(["opened", "acknowledged"]);
    expect(await audit(id)).toEqual([["signal.acknowledged", {}]]);
  });

  it("is given to a user of the tenant, and taken back", async () => {
    const id = await newSignal();
    const before = await ask("GET", `/${id}`);
    const given = await act(id, "assign", { user_id: manager.id });
    expect(given.json).toMatchObject({ assignee_id: manager.id, status: "open" });
    expect(given.headers.get("etag")).not.toBe(before.headers.get("etag"));
    expect((await done(id, "assign", { user_id: manager.id })).updated_at, "nothing changes").toBe(
      given.json.updated_at,
    );
    expect((await done(id, "assign", { user_id: null })).assignee_id).toBeNull();
    expect(await changes(id)).toEqual(["opened", "assigned", "assigned"]);
    expect(await audit(id)).toEqual([
      ["signal.assigned", { old: null, new: manager.id }],
      ["signal.assigned", { old: manager.id, new: null }],
    ]);
  });

  it("is given to nobody who is not there", async () => {
    const id = await newSignal();
    const elsewhere = await newTenant();
    const gone = await addUser(tenant, "user");
    const { headers } = await call("GET", `${tenant.api}/users/${gone.id}`, {
      token: tenant.admin.token,
    });
    const removed = await call("DELETE", `${tenant.api}/users/${gone.id}`, {
      token: tenant.admin.token,
      headers: { "if-match": headers.get("etag") ?? "" },
    });
    expect(removed.status, removed.text).toBe(204);
    for (const user_id of [NOBODY, elsewhere.admin.id, gone.id]) {
      const reply = await act(id, "assign", { user_id });
      expect(reply.status, user_id).toBe(422);
      expect(reply.json.errors).toEqual([
        { pointer: "/user_id", message: "is no user of this tenant" },
      ]);
    }
    for (const body of [{}, { user_id: "me" }, { user_id: manager.id, note: "x" }]) {
      expect(problemOf(await act(id, "assign", body))).toBe("validation-failed");
    }
    expect(await changes(id)).toEqual(["opened"]);
    expect(await audit(id)).toEqual([]);
  });

  it("is given to nobody who may not handle it", async ({ task }) => {
    const id = await newSignal();
    const told: Record<string, number> = {};
    for (const role of TENANT_ROLES) {
      const { id: user_id } = await addUser(tenant, role);
      const reply = await act(id, "assign", { user_id });
      told[role] = reply.status;
      if (reply.status === 200) continue;
      expect(reply.json.errors).toEqual([
        { pointer: "/user_id", message: "may not handle signals" },
      ]);
    }
    expect(told).toEqual({ admin: 200, manager: 200, user: 422, readonly: 422 });
    expect(await changes(id)).toEqual(["opened", "assigned", "assigned"]);
    showFigures(task, `assigned to: ${JSON.stringify(told)}`);
  });

  it("is resolved by the first who says so, with a note for the log", async () => {
    const id = await newSignal();
    await done(id, "acknowledge");
    const note = "The cache was warmed again.\n\t- by hand";
    const first = await done(id, "resolve", { note });
    expect(first).toMatchObject({
      status: "resolved",
      resolved_by: `user:${manager.id}`,
      resolved_at: first.updated_at,
      acknowledged_by: `user:${manager.id}`,
    });
    expect(await done(id, "resolve")).toEqual(first);
    expect((await ask("GET", `/${id}`)).json).toEqual(first);
    expect(await changes(id)).toEqual(["opened", "acknowledged", "resolved"]);
    expect((await audit(id)).at(-1)).toEqual(["signal.resolved", { note }]);
    for (const [what, body, word] of [
      ["acknowledge", undefined, "acknowledged"],
      ["assign", { user_id: manager.id }, "assigned"],
      ["assign", { user_id: null }, "assigned"],
    ] as const) {
      const reply = await act(id, what, body);
      expect([reply.status, problemOf(reply)]).toEqual([409, "signal-state"]);
      expect(reply.json.detail).toBe(`A signal that is resolved cannot be ${word}.`);
    }
    expect(problemOf(await act(id, "resolve", { note: "" }))).toBe("validation-failed");
    expect(problemOf(await act(id, "resolve", { note: "a\u001b[2J" }))).toBe("validation-failed");
    expect(problemOf(await act(id, "resolve", { why: "x" }))).toBe("validation-failed");
  });

  it("that is not there is not handled", async () => {
    for (const what of ["acknowledge", "resolve"]) {
      expect((await act(UNKNOWN, what)).status).toBe(404);
    }
    expect((await act(UNKNOWN, "assign", { user_id: null })).status).toBe(404);
    expect((await ask("GET", `/${UNKNOWN}`)).status).toBe(404);
    expect((await ask("GET", "/signal_1")).status).toBe(404);
  });

  it("answers a repeated request as the first time, whatever came after", async () => {
    const id = await newSignal();
    const key = { "idempotency-key": "acknowledge-1" };
    const first = await ask("POST", `/${id}/acknowledge`, undefined, key);
    await done(id, "assign", { user_id: manager.id });
    const again = await ask("POST", `/${id}/acknowledge`, undefined, key);
    expect(again.text).toBe(first.text);
    await done(id, "resolve");
    expect((await ask("POST", `/${id}/acknowledge`, undefined, key)).text).toBe(first.text);
  });

  it("is resolved once by 20 at once, and all are told by whom", async ({ task }) => {
    const MANY = 20;
    const id = await newSignal();
    const people = [manager, tenant.admin];
    const replies = await Promise.all(
      times(MANY, (nth) =>
        call("POST", `${tenant.api}/signals/${id}/resolve`, {
          token: people[nth % 2]?.token,
          body: { note: `by number ${nth}` },
        }),
      ),
    );
    const there = (await ask("GET", `/${id}`)).json;
    const told = replies.filter(({ status, json }) => {
      return status === 200 && JSON.stringify(json) === JSON.stringify(there);
    });
    expect(told, replies.map(({ text }) => text).join("\n")).toHaveLength(MANY);
    expect(await changes(id)).toEqual(["opened", "resolved"]);
    expect(await audit(id)).toHaveLength(1);
    showFigures(task, `${MANY} resolves at once: 1 change, ${told.length} told of the same one`);
  });

  it("ends resolved when it is acknowledged and resolved at once", async ({ task }) => {
    const seen: Record<string, number> = {};
    for (let round = 0; round < 10; round++) {
      const id = await newSignal();
      const [acknowledged, resolved] = await Promise.all(
        round % 2 === 0
          ? [act(id, "acknowledge"), act(id, "resolve")]
          : [act(id, "resolve"), act(id, "acknowledge")].toReversed(),
      );
      const there = (await ask("GET", `/${id}`)).json;
      const way = (await changes(id)).join(", ");
      seen[way] = (seen[way] ?? 0) + 1;
      expect(there.status).toBe("resolved");
      expect(resolved?.json).toMatchObject({ status: "resolved", resolved_at: there.resolved_at });
      if (acknowledged?.status === 200) {
        expect(way).toBe("opened, acknowledged, resolved");
        expect(there.acknowledged_at).toBe(acknowledged.json.acknowledged_at);
      } else {
        expect(acknowledged?.status).toBe(409);
        expect(way).toBe("opened, resolved");
        expect(there.acknowledged_at).toBeNull();
      }
    }
    showFigures(task, `acknowledged and resolved at once: ${JSON.stringify(seen)}`);
  });
});

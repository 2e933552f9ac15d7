/** Who acts in a tenant's business: kept, listed, and not lost while an event names them. */
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
import { watchPlans } from "../../support/plans.ts";
import { databaseOfTenant, openWorker, wrapAll } from "../../support/worker.ts";

const UNKNOWN = "actor_01jdn2z7q5e8t9v0w1x2y3z4a5";

describe("actors", () => {
  let tenant: TestTenant;
  beforeAll(async () => {
    tenant = await newTenant();
  });
  const ask = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
    call(method, `${tenant.api}${path}`, { token: tenant.admin.token, body, ...options });
  const post = (body: unknown, options?: CallOptions) => ask("POST", "/actors", body, options);
  const put = (id: string, body: unknown, ifMatch?: string) =>
    ask("PUT", `/actors/${id}`, body, ifMatch ? { headers: { "if-match": ifMatch } } : {});
  const act = (actor_id: string) => ask("POST", "/events", { actor_id, event_type: "t" });
  const pointersOf = (reply: Reply) =>
    reply.json.errors.map(({ pointer }: { pointer: string }) => pointer);

  it("are made, read, changed and removed, and the audit log tells what was and is", async () => {
    const name = "Zoë 🦊 Größe 名前";
    const made = await post({ type: "support", name: `  ${name} ` });
    expect(made.status, made.text).toBe(201);
    const { id } = made.json;
    expect(made.json).toEqual({
      id: expect.stringMatching(/^actor_/),
      type: "support",
      name,
      active: true,
      created_at: expect.any(String),
      updated_at: made.json.created_at,
    });
    expect(made.headers.get("location")).toBe(`/api/v1/actors/${id}`);
    const read = await ask("GET", `/actors/${id}`);
    expect(read.json).toEqual(made.json);
    expect(read.headers.get("etag")).toBe(made.headers.get("etag"));
    const changed = await put(id, { type: "manager", active: false });
    expect(changed.json).toMatchObject({ id, type: "manager", name, active: false });
    const back = await put(id, { active: true, name: "Bo" });
    expect(back.json).toMatchObject({ type: "manager", name: "Bo", active: true });
    expect((await ask("GET", `/actors/${id}`)).json).toEqual(back.json);
    expect((await ask("DELETE", `/actors/${id}`)).status).toBe(204);
    expect(problemOf(await ask("GET", `/actors/${id}`))).toBe("not-found");

    const { json: log } = await ask("GET", `/audit?target=${id}`);
    const support = { type: "support", name, active: true };
    const inactive = { type: "manager", name, active: false };
    const last = { type: "manager", name: "Bo", active: true };
    type Entry = { action: string; private: Record<"old" | "new", unknown> };
    const told = log.data.map(({ action, private: { old, new: next } }: Entry) => [
      action,
      old,
      next,
    ]);
    expect(told).toEqual([
      ["actor.deleted", last, undefined],
      ["actor.updated", inactive, last],
      ["actor.updated", support, inactive],
      ["actor.created", undefined, support],
    ]);
  });

  it("are changed only as they were read", async () => {
    const made = await post({ type: "system", name: "Robot", active: false });
    const { id, active } = made.json;
    expect(active).toBe(false);
    const first = made.headers.get("etag") ?? "";
    const second = (await put(id, { name: "Robot 2" }, first)).headers.get("etag") ?? "";
    expect(second).not.toBe(first);
    expect(problemOf(await put(id, { name: "Robot 3" }, first))).toBe("precondition-failed");
    const headers = { "if-match": first };
    expect(problemOf(await ask("DELETE", `/actors/${id}`, undefined, { headers }))).toBe(
      "precondition-failed",
    );
    expect((await ask("GET", `/actors/${id}`)).json.name).toBe("Robot 2");
    expect(
      (await ask("DELETE", `/actors/${id}`, undefined, { headers: { "if-match": second } })).status,
    ).toBe(204);
  });

  it("are made once with a key, however often it is sent", async () => {
    const options = { headers: { "idempotency-key": "once" } };
    const body = { type: "system", name: "Once" };
    const [first, again] = [await post(body, options), await post(body, options)];
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(problemOf(await post({ ...body, name: "Twice" }, options))).toBe("idempotency-mismatch");
  });

  it.each<[unknown, string[]]>([
    [{}, ["/type", "/name"]],
    [{ type: "customer", name: "A" }, ["/type"]],
    [{ type: "support", name: " " }, ["/name"]],
    [{ type: "support", name: "x".repeat(201) }, ["/name"]],
    [{ type: "support", name: "a\u0007b" }, ["/name"]],
    [{ type: "support", name: "A", active: "yes" }, ["/active"]],
    [{ type: "support", name: "A", active: null }, ["/active"]],
    [{ type: "support", name: "A", id: UNKNOWN }, ["/id"]],
  ])("are not made of %j", async (body, pointers) => {
    const reply = await post(body);
    expect([problemOf(reply), pointersOf(reply)]).toEqual(["validation-failed", pointers]);
  });

  it("are not changed by nothing, by nonsense, or where there are none", async () => {
    const id = await addActor(tenant);
    for (const [body, pointer] of [
      [{}, ""],
      [{ type: "boss" }, "/type"],
      [{ name: null }, "/name"],
      [{ name: "A", created_at: "2026-01-01T00:00:00Z" }, "/created_at"],
    ] as const) {
      expect(pointersOf(await put(id, body)), JSON.stringify(body)).toEqual([pointer]);
    }
    for (const path of [`/actors/${UNKNOWN}`, "/actors/1", `/actors/${tenant.admin.id}`]) {
      expect(problemOf(await ask("PUT", path, { name: "A" }))).toBe("not-found");
      expect(problemOf(await ask("DELETE", path))).toBe("not-found");
    }
  });

  it("are listed by type and activity, page by page", async () => {
    const { api, admin } = await newTenant();
    const at = (path: string, body?: unknown) =>
      call(body ? "POST" : "GET", `${api}${path}`, { token: admin.token, body });
    const ids: string[] = [];
    for (const [type, active] of [
      ["support", true],
      ["manager", true],
      ["support", false],
      ["system", true],
      ["support", true],
    ] as const) {
      ids.push((await at("/actors", { type, name: type, active })).json.id);
    }
    for (const [query, places] of [
      ["", [0, 1, 2, 3, 4]],
      ["type=support", [0, 2, 4]],
      ["active=true", [0, 1, 3, 4]],
      ["active=false", [2]],
      ["type=support&active=true", [0, 4]],
      ["type=manager&active=false", []],
    ] as const) {
      for (const limit of [1, 2, 100]) {
        const walked: number[] = [];
        for (let cursor = ""; ; ) {
          const { json } = await at(`/actors?limit=${limit}&${query}${cursor}`);
          walked.push(...json.data.map(({ id }: { id: string }) => ids.indexOf(id)));
          expect(walked.length, "or it never ends").toBeLessThanOrEqual(ids.length);
          if (json.next_cursor === null) break;
          cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`;
        }
        expect(walked, `${query} by ${limit}`).toEqual(places);
      }
    }
    for (const query of ["?type=boss", "?active=maybe", "?active=", "?name=A", "?limit=0"]) {
      expect(problemOf(await at(`/actors${query}`)), query).toBe("validation-failed");
    }
  });

  it("stay while an event names them, active or not", async () => {
    const id = await addActor(tenant);
    expect((await act(id)).status).toBe(201);
    expect(problemOf(await ask("DELETE", `/actors/${id}`))).toBe("actor-in-use");
    expect((await put(id, { active: false })).status).toBe(200);
    expect(problemOf(await ask("DELETE", `/actors/${id}`))).toBe("actor-in-use");
    const { json } = await ask("GET", `/audit?target=${id}`);
    expect(json.data.map(({ action }: { action: string }) => action)).not.toContain(
      "actor.deleted",
    );
  });

  it("stay too when the event comes between look and removal", async () => {
    const id = await addActor(tenant);
    let acted = 0;
    const racing = openWorker(
      wrapAll(() => async ({ kind, sql }, run) => {
        if (kind === "batch" && sql.some((text) => text.startsWith("delete from"))) {
          acted = (await act(id)).status;
        }
        return run();
      }),
    );
    const reply = await racing.call("DELETE", `${tenant.api}/actors/${id}`, {
      token: tenant.admin.token,
    });
    expect([acted, problemOf(reply)]).toEqual([201, "actor-in-use"]);
    expect((await ask("GET", `/actors/${id}`)).status).toBe(200);
  });

  it("are read by every role, kept by admins and managers, and another tenant's by nobody", async () => {
    const id = await addActor(tenant);
    for (const [role, writes] of [
      ["manager", 200],
      ["user", 403],
      ["readonly", 403],
    ] as const) {
      const { token } = await addUser(tenant, role);
      const as = { token };
      expect((await ask("GET", `/actors/${id}`, undefined, as)).status).toBe(200);
      expect((await ask("GET", "/actors", undefined, as)).status).toBe(200);
      expect((await ask("PUT", `/actors/${id}`, { name: role }, as)).status).toBe(writes);
      const made = await post({ type: "system", name: "R" }, as);
      expect(made.status).toBe(writes === 200 ? 201 : 403);
      const bare = made.json.id ?? (await addActor(tenant));
      const gone = await ask("DELETE", `/actors/${bare}`, undefined, as);
      expect(gone.status).toBe(writes === 200 ? 204 : 403);
    }
    const stranger = await newTenant();
    const { token } = stranger.admin;
    for (const [method, body] of [
      ["GET", undefined],
      ["PUT", { name: "Mine" }],
      ["DELETE", undefined],
    ] as const) {
      const foreign = await call(method, `${stranger.api}/actors/${id}`, { token, body });
      expect(problemOf(foreign)).toBe("not-found");
      expect(problemOf(await ask(method, `/actors/${id}`, body, { token }))).toBe(
        "unauthenticated",
      );
    }
  });

  it("go by an index", async () => {
    const { bindings, plansOf } = watchPlans();
    const worker = openWorker(bindings);
    const id = await addActor(tenant);
    const { token } = tenant.admin;
    for (const [method, path, index] of [
      ["GET", "/actors", "sqlite_autoindex_actors_1"],
      ["GET", "/actors?type=support", "actors_type (type=?)"],
      ["GET", "/actors?active=false", "actors_active (active=?)"],
      ["DELETE", `/actors/${id}`, "events_actor"],
    ] as const) {
      const plans = await plansOf(
        () => worker.call(method, `${tenant.api}${path}`, { token }),
        /actors|actor_id/,
      );
      const lines = plans.flatMap(({ plan }) => plan);
      expect(lines.filter((line) => line.includes(index)).length, lines.join("\n")).toBeTruthy();
      expect(lines.filter((line) => /B-TREE|SCAN (events|actors)$/.test(line))).toEqual([]);
    }
    const database = await databaseOfTenant(tenant.slug);
    expect(await database.prepare("SELECT id FROM actors WHERE id = ?").bind(id).first()).toBe(
      null,
    );
  });
});

/** The log of runs, as operators see it. */
import { beforeAll, describe, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
} from "../../support/client.ts";
import { bindings, tick } from "../../support/worker.ts";

const JOBS = `${PLATFORM_ORIGIN}/api/v1/jobs`;
const AT = Date.now();
const TIME = new Date(AT).toISOString();

describe("the log of runs", () => {
  let operator: Caller;
  const ids: string[] = [];
  const nobody = newId("tenant");
  beforeAll(async () => {
    operator = await newOperator();
    const insert = bindings.CONTROL_DB.prepare(
      `INSERT INTO job_runs (id, name, status, started_at, finished_at, tenants, done, failed, marks,
        attempt, resumes, resume_after, error)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'dddf', ?9, ?10, ?11, ?12)`,
    );
    const rows = [
      ["rounds.nightly", "done", AT, 4, 4, 0, 1, null, null, null],
      ["jobs.prune", "done", AT, null, 0, 0, 1, null, null, null],
      ["rounds.nightly", "failed", AT, 2, 2, 0, 1, null, nobody, "database-unavailable"],
      ["rounds.nightly", "failed", AT, 4, 3, 1, 2, 2, null, null],
      ["rounds.sweep", "running", null, 4, 0, 0, 1, null, null, null],
    ] as const;
    for (const [name, status, finished, tenants, done, failed, attempt, resumes, ...rest] of rows) {
      const id = newId("jobRun");
      ids.push(id);
      const earlier = resumes === null ? null : ids[resumes];
      await insert
        .bind(id, name, status, AT, finished, tenants, done, failed, attempt, earlier, ...rest)
        .run();
    }
    const fail = bindings.CONTROL_DB.prepare(
      `INSERT INTO job_failures (run_id, tenant_id, slug, chores, error, tries, failed_at)
      VALUES (?1, ?2, 'gone', '["webhooks.sweep"]', 'database-unavailable', 3, ?3)`,
    );
    await fail.bind(ids[3], nobody, AT).run();
  });

  const get = (path = "", token: string | undefined = operator.token) =>
    call("GET", `${JOBS}${path}`, { token });
  const idsOf = async (path: string) =>
    (await get(path)).json.data.map((run: { id: string }) => run.id);

  it("is a list, newest first, page by page", async () => {
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const reply = await get(`?limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      expect(reply.status).toBe(200);
      seen.push(...reply.json.data.map((run: { id: string }) => run.id));
      cursor = reply.json.next_cursor;
    }
    expect(seen).toEqual([...ids].reverse());
  });

  it("is filtered by schedule and by how runs stand", async () => {
    const [first, prune, broken, resumed, sweep] = ids;
    expect(await idsOf("?name=rounds.nightly")).toEqual([resumed, broken, first]);
    expect(await idsOf("?status=failed")).toEqual([resumed, broken]);
    expect(await idsOf("?status=running")).toEqual([sweep]);
    expect(await idsOf("?name=rounds.nightly&status=done")).toEqual([first]);
    expect(await idsOf("?name=jobs.prune&status=done")).toEqual([prune]);
    expect(await idsOf("?name=never.was")).toEqual([]);
  });

  it("tells of one run all that is known, with the tenants that it failed at", async () => {
    const reply = await get(`/${ids[3]}`);
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual({
      id: ids[3],
      name: "rounds.nightly",
      status: "failed",
      started_at: TIME,
      finished_at: TIME,
      tenants: 4,
      done: 3,
      failed: 1,
      attempt: 2,
      resumes: ids[2],
      resume_after: null,
      error: null,
      cell: null,
      failures: [
        {
          tenant_id: nobody,
          slug: "gone",
          chores: ["webhooks.sweep"],
          error: "database-unavailable",
          tries: 3,
          failed_at: TIME,
        },
      ],
    });
    expect((await get(`/${ids[2]}`)).json).toMatchObject({
      resume_after: nobody,
      error: "database-unavailable",
      failures: [],
    });
    expect((await get(`/${ids[4]}`)).json).toMatchObject({ finished_at: null });
  });

  it.each([
    ["?status=over", 422, "validation-failed"],
    ["?limit=101", 422, "validation-failed"],
    ["?tenant=acme", 422, "validation-failed"],
    ["?cursor=x", 400, "invalid-cursor"],
    ["/not-an-id", 404, "not-found"],
    [`/${newId("jobRun")}`, 404, "not-found"],
  ])("refuses %s", async (path, status, code) => {
    const reply = await get(path);
    expect([reply.status, problemOf(reply)]).toEqual([status, code]);
  });

  it("takes no cursor of another filter", async () => {
    const { next_cursor } = (await get("?limit=1")).json;
    const reply = await get(`?limit=1&status=done&cursor=${encodeURIComponent(next_cursor)}`);
    expect([reply.status, problemOf(reply)]).toEqual([400, "invalid-cursor"]);
  });

  it("is for operators on their own door", async () => {
    const tenant = await newTenant();
    const codes = [
      await call("GET", JOBS),
      await get("", tenant.admin.token),
      await call("GET", `${tenant.api}/jobs`, { token: tenant.admin.token }),
    ].map((reply) => [reply.status, problemOf(reply)]);
    expect(codes).toEqual([
      [401, "unauthenticated"],
      [401, "unauthenticated"],
      [404, "not-found"],
    ]);
  });

  it("has the runs of a real tick", async () => {
    await tick();
    const { data } = (await get("?limit=5")).json;
    expect(data.map((run: { name: string }) => run.name)).toEqual([
      "rounds.sweep",
      "migrations.advance",
      "tenants.purge",
      "tenants.sync_state",
      "provisioning.resume",
    ]);
    expect(data[1]).toMatchObject({
      status: "done",
      tenants: null,
      done: 0,
      failed: 0,
      error: null,
    });
  });
});

/** Users and services: as many as the plan allows, and not one more, whoever asks at once. */
import { beforeAll, describe, expect, it } from "vitest";
import { settingsOf } from "../../../src/env.ts";
import { quotasFor } from "../../../src/platform/quotas/refusal.ts";
import {
  addUser,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { jobCtx, tenantCtx } from "../../support/ctx.ts";
import { showFigures } from "../../support/figures.ts";
import { expectOver, giveQuotas, workerWith } from "../../support/quotas.ts";
import { databaseOfTenant, firstValue, type OtherWorker } from "../../support/worker.ts";

/** For how long an isolate believes what it has read of a caller, in ms. */
const BELIEVED = 5 * SECOND;

const KINDS = [
  {
    name: "users" as const,
    path: "/users",
    body: (nth: string) => ({
      email: `${nth}@counted.test`,
      password: PASSWORD,
      first_name: "New",
      last_name: "User",
      role: "user",
    }),
    made: "user.created",
    idOf: ({ json }: Reply) => json.id as string,
  },
  {
    name: "services" as const,
    path: "/services",
    body: (nth: string) => ({ slug: `service-${nth}`, name: nth }),
    made: "service.created",
    idOf: ({ json }: Reply) => json.slug as string,
  },
];

describe.each(KINDS)("the quota of $name", ({ name, path, body, made, idOf }) => {
  const clock = standingClock({ between: 6 * SECOND });
  let house: TestTenant;
  let database: D1Database;
  let before: number;
  let serial = 0;
  beforeAll(async () => {
    house = await newTenant();
    database = await databaseOfTenant(house.slug);
    before = await count();
  });
  const count = () => firstValue<number>(database, `SELECT count(*) FROM ${name}`);
  const add = (worker: Pick<OtherWorker, "call">, headers: Record<string, string> = {}) =>
    worker.call("POST", house.api + path, {
      token: house.admin.token,
      body: body(`n${++serial}`),
      headers,
    });

  it("gives the last 5 places to exactly 5 of 50 who ask at once", async ({ task }) => {
    const quota = before + 5;
    const worker = workerWith({ [name]: quota });
    const replies = await Promise.all(Array.from({ length: 50 }, () => add(worker)));
    const admitted = replies.filter(({ status }) => status === 201);
    showFigures(task, `  ${admitted.length} of 50 admitted for 5 places`);
    expect(admitted).toHaveLength(5);
    expect(await count()).toBe(quota);
    for (const reply of replies) if (reply.status !== 201) expectOver(reply, name, quota, quota);
  });

  it("leaves nothing of what it refuses, and sums the refusals in the audit log", async () => {
    clock.pass(MINUTE);
    const quota = await count();
    const worker = workerWith({ [name]: quota });
    const created = () =>
      firstValue<number>(database, "SELECT count(*) FROM audit_log WHERE action = ?", made);
    const said = await created();
    for (let nth = 0; nth < 3; nth++) expectOver(await add(worker), name, quota, quota);
    expect([await count(), await created()]).toEqual([quota, said]);
    const { json } = await call("GET", `${house.api}/audit?action=quota.refused&limit=1`, {
      token: house.admin.token,
    });
    expect(json.data[0]).toMatchObject({ target: name, count: 3 });
  });

  it("has room again when one is removed", async () => {
    const quota = (await count()) + 1;
    const worker = workerWith({ [name]: quota });
    const last = await add(worker);
    expect(last.status, last.text).toBe(201);
    expect((await add(worker)).status).toBe(403);
    const gone = await worker.call("DELETE", `${house.api}${path}/${idOf(last)}`, {
      token: house.admin.token,
    });
    expect(gone.status, gone.text).toBe(204);
    expect((await add(worker)).status).toBe(201);
  });

  it("answers a repeated key as the first time, also when the place is taken since", async () => {
    const worker = workerWith({ [name]: (await count()) + 1 });
    const options = {
      token: house.admin.token,
      body: body(`n${++serial}`),
      headers: { "idempotency-key": `key-${name}` },
    };
    const first = await worker.call("POST", house.api + path, options);
    expect(first.status, first.text).toBe(201);
    expect((await add(worker)).status).toBe(403);
    const again = await worker.call("POST", house.api + path, options);
    expect([again.status, again.text]).toEqual([201, first.text]);
  });

  it("that is lowered below what is there refuses additions only", async () => {
    const operator = await newOperator();
    const used = await count();
    const worker = workerWith({ [name]: used + 10 });
    const kept = await add(worker);
    const reply = await giveQuotas(operator, house, { [name]: 1 });
    expect(reply.json).toMatchObject({ quotas: { [name]: 1 }, limits: null });
    clock.pass(BELIEVED);
    expectOver(await add(worker), name, 1, used + 1);
    const one = `${house.api}${path}/${idOf(kept)}`;
    const { token } = house.admin;
    expect((await worker.call("GET", one, { token })).status).toBe(200);
    const changes = name === "users" ? { first_name: "Other" } : { name: "Other" };
    const changed = await worker.call("PUT", one, { token, body: changes });
    expect(changed.status, changed.text).toBe(200);
    expect((await worker.call("DELETE", one, { token })).status).toBe(204);
    // None at all; and any number, whatever the plan says.
    await giveQuotas(operator, house, { [name]: 0 });
    clock.pass(BELIEVED);
    expectOver(await add(worker), name, 0, used);
    await giveQuotas(operator, house, { [name]: null });
    clock.pass(BELIEVED);
    expect((await add(workerWith({ [name]: 0 }))).status).toBe(201);
    await giveQuotas(operator, house, null);
  });
});

describe("quotas", () => {
  it("are a tenant's: the platform's own realm has none, nor has a job", async () => {
    const settings = settingsOf(workerWith({ users: 0, storage_bytes: 0 }).env);
    const plan = { plan: "standard", limits: null };
    const platform = jobCtx();
    const none = { users: null, services: null, events_per_month: null, storage_bytes: null };
    expect(quotasFor({ ...platform, settings, plan })).toEqual(none);
    const house = await newTenant();
    const ctx = { ...(await tenantCtx(house.slug)), settings };
    expect(quotasFor(ctx)).toEqual(none);
    expect(quotasFor({ ...ctx, plan })).toEqual({ ...none, users: 0, storage_bytes: 0 });
  });

  it("of plans that say nothing bound storage alone", async () => {
    const house = await newTenant();
    const user = await addUser(house, "manager");
    const { json } = await call("GET", `${house.api}/tenants/current/usage`, {
      token: user.token,
    });
    expect(json).toMatchObject({
      users: { quota: null, used: 2 },
      services: { quota: null, used: 0 },
      events_per_month: { quota: null, used: 0 },
      storage_bytes: { quota: 9_000_000_000 },
    });
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import {
  begun,
  complete,
  exactRows,
  exported,
  fillingOf,
  makeCellsKnown,
  openCell,
  partsOf,
  routed,
  sendPart,
  sent,
} from "../../support/archives.ts";
import { type Caller, newOperator, newTenant, problemOf } from "../../support/client.ts";
import { type Around, OVERLOADED_TEXTS } from "../../support/d1.ts";
import { countRows, populate } from "../../support/populate.ts";
import { databaseOfTenant, firstValue, wrapAll } from "../../support/worker.ts";

const cells = { "test-1": openCell("test-1"), "test-2": openCell("test-2") };
const ask = routed(cells);

let operator: Caller;
beforeAll(async () => {
  await makeCellsKnown();
  operator = await newOperator();
});

/** The cell that a tenant moves to, with somebody between it and its databases. */
function watched(around: (name: string) => Around) {
  const all: Readonly<Record<string, unknown>> = { ...wrapAll(around) };
  const names = Object.keys(cells["test-2"].env).filter((name) => name in all);
  const wrapped = names.map((name) => [name, all[name]]);
  return openCell("test-2", Object.fromEntries(wrapped));
}

/** A tenant with an actor, on its way to the other cell; its archive is one part. */
async function leaving() {
  const { token } = operator;
  const tenant = await newTenant();
  const actor = await cells["test-1"].call("POST", `${tenant.api}/actors`, {
    token: tenant.admin.token,
    body: { type: "support", name: "Grace" },
  });
  const url = await begun(ask, token, { tenant_id: tenant.id, region: "eu" });
  const archive = await exported(ask, token, tenant.id);
  const [text = ""] = partsOf(archive.lines, 8_000_000);
  return { tenant, token, actorId: actor.json.id, url, archive, text };
}

/** A cell where the first trip that has such a statement waits until it is let go. */
function held(wanted: string) {
  let reached = () => {};
  let letGo = () => {};
  const arrived = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const cell = watched(() => async (trip, run) => {
    if (trip.sql.some((text) => text.includes(wanted))) {
      reached();
      await gate;
    }
    return run();
  });
  return { cell, arrived, letGo: () => letGo() };
}

const actorsIn = (database: D1Database) =>
  firstValue<number>(database, "SELECT count(*) FROM actors");

describe("a part that was held up on its way", () => {
  it.each([
    ["before its rows are written", 'INSERT INTO "actors"'],
    ["before the database is made ready", "CREATE TABLE IF NOT EXISTS d1_migrations"],
    ["before the fence is put up", 'CREATE TABLE IF NOT EXISTS "import_fence"'],
  ])("%s changes nothing of a tenant that has arrived", async (_, wanted) => {
    const { tenant, token, actorId, url, archive, text } = await leaving();
    const late = held(wanted);
    const first = sendPart(late.cell.call, token, url, 1, text);
    await late.arrived;
    expect((await sendPart(ask, token, url, 1, text)).status).toBe(200);
    const done = await complete(ask, token, url, archive);
    expect(done.status, done.text).toBe(200);
    const there = cells["test-2"];
    const address = `${tenant.api}/actors/${actorId}`;
    const gone = await there.call("DELETE", address, { token: tenant.admin.token });
    expect(gone.status, gone.text).toBe(204);
    const fresh = await databaseOfTenant(tenant.slug);
    const before = await actorsIn(fresh);
    late.letGo();
    const refused = await first;
    expect(await actorsIn(fresh)).toBe(before);
    expect(problemOf(refused)).toBe("import-state");
    const tables = "SELECT count(*) FROM sqlite_master WHERE name = 'import_fence'";
    expect(await firstValue(fresh, tables)).toBe(0);
  });

  it("does not slip in between two requests that compare", async () => {
    const { tenant, token, url, archive, text } = await leaving();
    const late = held('INSERT INTO "actors"');
    // Somebody sent another archive's part first.
    const wrong = text.replace(/"actor_\w+"/, '"actor_00000000000000000000000001"');
    expect(wrong).not.toBe(text);
    const first = sendPart(late.cell.call, token, url, 1, wrong);
    await late.arrived;
    expect((await sendPart(ask, token, url, 1, text)).status).toBe(200);
    const step = await complete(ask, token, url, archive, 1);
    expect(step.status, step.text).toBe(202);
    late.letGo();
    expect(problemOf(await first)).toBe("import-state");
    const done = await complete(ask, token, url, archive);
    expect(done.status, done.text).toBe(200);
    expect(await actorsIn(await databaseOfTenant(tenant.slug))).toBe(1);
  });

  it("after it ended a comparison writes nothing where the next one has begun", async () => {
    const { token, url, archive } = await leaving();
    const parts = partsOf(archive.lines, 4_000);
    const [last = ""] = parts.slice(-1);
    for (const [at, text] of parts.slice(0, -1).entries()) {
      expect((await sendPart(ask, token, url, at + 1, text)).status).toBe(200);
    }
    const step = await complete(ask, token, url, archive, 1);
    expect(step.json.rows_verified).toBeGreaterThan(0);
    const late = held('FROM "import_fence"');
    const sending = sendPart(late.cell.call, token, url, parts.length, last);
    await late.arrived;
    const shown = await ask("GET", url, { token });
    expect(shown.json.rows_verified).toBe(0);
    expect((await complete(ask, token, url, archive, 1)).status).toBe(202);
    late.letGo();
    expect(problemOf(await sending)).toBe("import-state");
    expect((await sendPart(ask, token, url, parts.length, last)).status).toBe(200);
    const done = await complete(ask, token, url, archive);
    expect(done.status, done.text).toBe(200);
  });
});

describe("a part that is sent again", () => {
  it("because nobody heard that it was written, is taken in, whatever the tables are", async () => {
    const { token } = operator;
    const tenant = await newTenant();
    const old = await databaseOfTenant(tenant.slug);
    await populate(old, 5);
    const url = await begun(ask, token, { tenant_id: tenant.id, region: "eu" });
    const archive = await exported(ask, token, tenant.id);
    const [text = ""] = partsOf(archive.lines, 8_000_000);
    const forgetful = watched((name) => async (trip, run) => {
      const isNoted = trip.sql.some((each) => each.startsWith('update "tenant_imports"'));
      if (name === "CONTROL_DB" && isNoted) throw new Error(OVERLOADED_TEXTS[0]);
      return run();
    });
    const lost = await sendPart(forgetful.call, token, url, 1, text);
    expect(problemOf(lost)).toBe("database-unavailable");
    const fresh = await fillingOf(url);
    const tables = Object.keys(await countRows(old));
    expect(await firstValue(fresh, "SELECT count(*) FROM metric_samples")).toBeGreaterThan(0);
    await sent(ask, token, url, archive, 8_000_000);
    let rows = 0;
    for (const table of tables) {
      const written = await exactRows(fresh, table);
      expect(written, table).toEqual(await exactRows(old, table));
      expect(written.length, table).toBeGreaterThan(0);
      rows += written.length;
    }
    console.log(`${rows} rows of ${tables.length} tables were written twice and are there once`);
    const done = await complete(ask, token, url, archive);
    expect(done.status, done.text).toBe(200);
  });
});

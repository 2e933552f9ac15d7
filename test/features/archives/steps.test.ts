import { beforeAll, describe, expect, it } from "vitest";
import {
  answersOf,
  begun,
  complete,
  exactRows,
  exported,
  openCell,
  openElsewhere,
  partsOf,
  readArchive,
  sendPart,
  sent,
  TENANTS,
} from "../../support/archives.ts";
import { type Caller, newOperator, newTenant, problemOf } from "../../support/client.ts";
import { countRows, populate } from "../../support/populate.ts";
import { bindings, databaseOfTenant, firstValue, wrapAll } from "../../support/worker.ts";

const home = openCell("test-1");
let elsewhere: Awaited<ReturnType<typeof openElsewhere>>;
let operator: Caller;
beforeAll(async () => {
  operator = await newOperator();
  elsewhere = await openElsewhere();
});

/** A page has 500 rows at most. */
const LARGE = 2_300;

/** A suspended tenant, of whose tables one is larger than some pages. */
async function large() {
  const tenant = await newTenant();
  const database = await databaseOfTenant(tenant.slug);
  await populate(database, 5);
  await database
    .prepare(
      `INSERT INTO actors (id, type, name, active, created_at, updated_at, version)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        SELECT 'actor_' || printf('%026d', i), 'support', 'Actor ' || i, 1, 0, 0, 1 FROM n`,
    )
    .bind(LARGE)
    .run();
  const { token } = operator;
  await home.call("POST", `${TENANTS}/${tenant.id}/suspend`, { token });
  return { tenant, database, token };
}

const logged = (database: D1Database) =>
  firstValue<number>(database, "SELECT count(*) FROM audit_log WHERE action = 'tenant.exported'");

const nextIn = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1) ?? "").next;

describe("an archive that is too large for one request", () => {
  it("comes in several answers that are one archive together, and is logged once", async () => {
    const { tenant, database, token } = await large();
    const whole = await exported(home.call, token, tenant.id);
    const before = await logged(database);
    const answers = await answersOf(home.call, token, tenant.id, 2);
    expect(await logged(database)).toBe(before + 1);
    const archive = readArchive(answers.join(""));
    const rowsOf = (lines: readonly string[], table: string) =>
      lines.filter((line) => line.startsWith(`{"table":"${table}","row":`));
    for (const { table } of whole.header.tables) {
      // The log itself goes on with each export.
      if (table.startsWith("audit_")) continue;
      expect(rowsOf(archive.lines, table), table).toEqual(rowsOf(whole.lines, table));
    }
    const runs = archive.manifest.tables.filter(
      ({ table }: { table: string }) => table === "actors",
    );
    expect(
      runs.map(({ rows }: { rows: number }) => rows).reduce((a: number, b: number) => a + b),
    ).toBe(rowsOf(whole.lines, "actors").length);
    expect(runs.length).toBeGreaterThan(2);
    const ends = archive.lines.filter((line) => line.includes('"sha256"'));
    expect(ends.map((line) => JSON.parse(line))).toEqual(archive.manifest.tables);
    expect(answers.length).toBeGreaterThan(20);
    console.log(`${answers.length} answers, ${archive.lines.length} lines, ${runs.length} runs`);
  });

  it("is compared in several requests, from where the one before came to", async () => {
    const { tenant, database, token } = await large();
    const archive = readArchive((await answersOf(home.call, token, tenant.id, 3)).join(""));
    const url = await begun(elsewhere.call, elsewhere.token, { archive: archive.header });
    await sent(elsewhere.call, elsewhere.token, url, archive);
    const row = await elsewhere.control
      .prepare("SELECT binding FROM tenants WHERE id = ?")
      .bind(tenant.id)
      .first<{ binding: string }>();
    const fresh = bindings[row?.binding ?? ""] as D1Database;
    const seen: number[] = [];
    for (;;) {
      const reply = await complete(elsewhere.call, elsewhere.token, url, archive, 3);
      expect([200, 202], reply.text).toContain(reply.status);
      expect(reply.json.state).toBe(reply.status === 200 ? "done" : "receiving");
      expect(reply.json.rows_verified).toBeGreaterThanOrEqual(seen.at(-1) ?? 0);
      seen.push(reply.json.rows_verified);
      if (reply.status === 200) break;
    }
    const rows = archive.lines.filter((line) => line.includes('"row":')).length;
    expect(seen.at(-1)).toBe(rows);
    expect(seen.length).toBeGreaterThan(10);
    for (const table of Object.keys(await countRows(database))) {
      // Completing is written down itself.
      if (/^(audit_|realm|commit_marks)/.test(table)) continue;
      expect(await exactRows(fresh, table), table).toEqual(await exactRows(database, table));
    }
    console.log(`${seen.length} requests compared ${rows} rows`);
  });

  it("no request reads more pages than it may, whatever the tables are", async () => {
    const { tenant, token } = await large();
    let reads = 0;
    const env = wrapAll(() => async (trip, run) => {
      if (trip.sql.some((text) => text.includes("octet_length"))) reads += 1;
      return run();
    });
    const { callWith } = await import("../../support/client.ts");
    for (const pages of [1, 5, 40]) {
      reads = 0;
      const url = `${TENANTS}/${tenant.id}/export?reason=x&pages=${pages}`;
      const reply = await callWith(env, "GET", url, { token });
      expect(nextIn(reply.text)).toBeDefined();
      expect(reads).toBe(pages);
    }
    for (const pages of [0, 401, "many"]) {
      const url = `${TENANTS}/${tenant.id}/export?reason=x&pages=${pages}`;
      expect(problemOf(await home.call("GET", url, { token }))).toBe("validation-failed");
    }
  });

  it("a tenant that changes between two answers ends with an error", async () => {
    const { tenant, database, token } = await large();
    const url = `${TENANTS}/${tenant.id}/export?reason=x&pages=2`;
    const first = await home.call("GET", url, { token });
    await database.prepare("INSERT INTO audit_sums (sum_key, count) VALUES ('meanwhile', 1)").run();
    const after = encodeURIComponent(nextIn(first.text));
    const second = await home.call("GET", `${url}&after=${after}`, { token });
    const last = JSON.parse(second.text.trimEnd().split("\n").at(-1) ?? "");
    expect(last.error.detail).toMatch(/changed meanwhile/);
  });

  it("goes on for nobody else, at no other tenant, and from no place that somebody made up", async () => {
    const [one, other] = [await large(), await large()];
    const urlOf = (id: string) => `${TENANTS}/${id}/export?reason=x&pages=2`;
    const first = await home.call("GET", urlOf(one.tenant.id), { token: one.token });
    const next = nextIn(first.text);
    const before = await logged(one.database);
    const stranger = await newOperator();
    const tries: readonly [id: string, token: string, after: string][] = [
      [other.tenant.id, one.token, next],
      [one.tenant.id, stranger.token, next],
      [one.tenant.id, one.token, `${next.slice(0, -4)}AAAA`],
      [one.tenant.id, one.token, "x"],
      [one.tenant.id, one.token, ""],
    ];
    for (const [id, token, after] of tries) {
      const url = `${urlOf(id)}&after=${encodeURIComponent(after)}`;
      expect(problemOf(await home.call("GET", url, { token })), after).toBe("invalid-cursor");
    }
    expect(await logged(one.database)).toBe(before);
  });
});

describe("a comparison in several requests", () => {
  it("begins anew when more rows came, or with another manifest", async () => {
    const { tenant, token } = await large();
    const archive = readArchive((await answersOf(home.call, token, tenant.id, 3)).join(""));
    const url = await begun(elsewhere.call, elsewhere.token, { archive: archive.header });
    const { lines } = archive;
    const last = lines.findLastIndex((line) => line.includes('"row":'));
    const parts = [lines.slice(0, last), lines.slice(last)].flatMap((some) =>
      partsOf(some, 100_000),
    );
    const send = (at: number) =>
      sendPart(elsewhere.call, elsewhere.token, url, at + 1, parts[at] ?? "");
    for (let at = 0; at < parts.length - 1; at++) expect((await send(at)).status).toBe(200);
    const step = (changed = archive) => complete(elsewhere.call, elsewhere.token, url, changed, 1);
    const far = async (steps: number) => {
      let reply = await step();
      for (let at = 1; at < steps; at++) reply = await step();
      expect(reply.status, reply.text).toBe(202);
      return reply.json.rows_verified;
    };
    const compared = await far(6);
    expect(await far(2)).toBeGreaterThan(compared);
    const { manifest } = archive;
    const changed = { ...archive, manifest: { ...manifest, log: { seq: 0, sums: 0 } } };
    const anew = await step(changed);
    expect(anew.json.rows_verified).toBeLessThan(compared);
    await far(6);
    expect((await send(parts.length - 1)).status).toBe(200);
    const shown = await elsewhere.call("GET", url, { token: elsewhere.token });
    expect(shown.json).toMatchObject({ state: "receiving", rows_verified: 0 });
    const done = await complete(elsewhere.call, elsewhere.token, url, archive);
    expect(done.status, done.text).toBe(200);
  });

  it("finds a row too many behind a table's last run, and one that is changed in a later step", async () => {
    const { tenant, token } = await large();
    const archive = readArchive((await answersOf(home.call, token, tenant.id, 3)).join(""));
    const url = await begun(elsewhere.call, elsewhere.token, { archive: archive.header });
    await sent(elsewhere.call, elsewhere.token, url, archive);
    const binding = await firstValue<string>(
      elsewhere.control,
      "SELECT binding FROM tenants WHERE id = ?",
      tenant.id,
    );
    const fresh = bindings[binding] as D1Database;
    const refusal = async () => {
      for (;;) {
        const reply = await complete(elsewhere.call, elsewhere.token, url, archive, 4);
        if (reply.status !== 202) return reply;
      }
    };
    const last = `'actor_' || printf('%026d', ${LARGE})`;
    await fresh.exec(
      `INSERT INTO actors (id, type, name, active, created_at, updated_at, version)
        SELECT 'actor_more', type, name, active, 0, 0, 1 FROM actors WHERE id = ${last}`.replaceAll(
        "\n",
        " ",
      ),
    );
    const more = await refusal();
    expect(problemOf(more)).toBe("archive-invalid");
    expect(more.json.errors[0].message).toBe("actors has more rows than the archive");
    await fresh.exec("DELETE FROM actors WHERE id = 'actor_more'");
    await fresh.exec(`UPDATE actors SET name = 'Eve' WHERE id = ${last}`);
    const changed = await refusal();
    expect(changed.json.errors[0].message).toBe("actors has rows that are not the archive's");
    await fresh.exec(`UPDATE actors SET name = 'Actor ${LARGE}' WHERE id = ${last}`);
    expect((await refusal()).status).toBe(200);
  });
});

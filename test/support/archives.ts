/** Archives as an operator takes them out and brings them in, through cells and a router between. */
import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { newId } from "../../src/platform/ids.ts";
import type { CallOptions, Reply } from "./client.ts";
import { newOperator, PLATFORM_ORIGIN } from "./client.ts";
import { bindings, databaseOf, type OtherWorker, openWorker } from "./worker.ts";

export const TENANTS = `${PLATFORM_ORIGIN}/api/v1/tenants`;

/** Pools that the tests' own Worker does not come to: it claims the first that are free. */
const POOLS: Record<string, readonly [first: number, count: number]> = {
  "test-1": [0, 150],
  "test-2": [150, 25],
  "test-3": [175, 10],
  elsewhere: [185, 14],
};

const bindingsOf = ([first, count]: readonly [number, number]) =>
  Array.from({ length: count }, (_, at) => `TENANT_DB_${String(first + at).padStart(4, "0")}`);

/** A cell with a pool of its own. */
export function openCell(name: string, changes: Partial<Bindings> = {}): OtherWorker {
  return openWorker({ CELL: name, ...changes }, bindingsOf(POOLS[name] ?? [0, 0]));
}

/** Where the other environment has its control database. */
const OTHER_CONTROL = "TENANT_DB_0199";

/** Another environment: a control database and a pool of its own, and an operator who is signed in. */
export async function openElsewhere(changes: Partial<Bindings> = {}) {
  const control = databaseOf(OTHER_CONTROL);
  await applyD1Migrations(control, bindings.CONTROL_MIGRATIONS as D1Migration[]);
  const pool = bindingsOf(POOLS.elsewhere ?? [0, 0]);
  const worker = openWorker({ CELL: "elsewhere", CONTROL_DB: control, ...changes }, pool);
  const operator = await newOperator();
  // An isolate knows one platform's keys: whoever is signed in here shall be so there.
  for (const table of ["users", "signing_keys", "sessions"]) await copyAll(table, control);
  return { ...worker, control, token: operator.token };
}

async function copyAll(table: string, to: D1Database): Promise<void> {
  const { results } = await bindings.CONTROL_DB.prepare(`SELECT * FROM ${table}`).all();
  for (const row of results) {
    const names = Object.keys(row);
    await to
      .prepare(`INSERT INTO ${table} (${names.join()}) VALUES (${names.map(() => "?").join()})`)
      .bind(...Object.values(row))
      .run();
  }
}

/** The cells as deploys would have made them known; the second keeps its data in the EU. */
export async function makeCellsKnown(): Promise<void> {
  const insert = bindings.CONTROL_DB.prepare(
    `INSERT INTO cells (name, region, open, bound, claimable, created_at, updated_at, version)
      VALUES (?, ?, 1, ?, ?, 0, 0, 1) ON CONFLICT DO NOTHING`,
  );
  const known = Object.entries(POOLS).filter(([name]) => name !== "elsewhere");
  const rows = known.map(([name, [, count]]) =>
    insert.bind(name, REGIONS[name] ?? null, count, count),
  );
  await bindings.CONTROL_DB.batch(rows);
}
const REGIONS: Record<string, string> = { "test-2": "eu", "test-3": "us" };

type Call = OtherWorker["call"];

/** Asks the first cell, and then, at most twice, the one that the answer names, as the router does. */
export function routed(cells: Readonly<Record<string, OtherWorker>>): Call {
  return async (method, url, options) => {
    let cell = Object.keys(cells)[0] ?? "";
    for (let hops = 0; ; hops++) {
      const reply = await (cells[cell] as OtherWorker).call(method, url, options);
      const next = reply.headers.get("rowhouse-cell");
      if (reply.status !== 421 || next === null || hops === 2) return reply;
      cell = next;
    }
  };
}

/** An archive, read. */
export interface Archive {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it and break it
  readonly header: any;
  /** Rows and ends of tables. */
  readonly lines: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it and break it
  readonly manifest: any;
}

export async function exported(call: Call, token: string, tenantId: string): Promise<Archive> {
  const [text = "", ...more] = await answersOf(call, token, tenantId);
  expect(more).toEqual([]);
  return readArchive(text);
}

/** What an export is answered with, request by request; the lines that only lead on are left out. */
export async function answersOf(
  call: Call,
  token: string,
  tenantId: string,
  pages?: number,
): Promise<string[]> {
  const query = new URLSearchParams({ reason: "test", ...(pages && { pages: String(pages) }) });
  const answers: string[] = [];
  for (;;) {
    const reply = await call("GET", `${TENANTS}/${tenantId}/export?${query}`, { token });
    expect(reply.status, reply.text.slice(0, 500)).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/x-ndjson");
    const at = reply.text.lastIndexOf("\n", reply.text.length - 2) + 1;
    const { next } = JSON.parse(reply.text.slice(at));
    answers.push(next === undefined ? reply.text : reply.text.slice(0, at));
    if (next === undefined) return answers;
    query.set("after", next);
  }
}

export function readArchive(text: string): Archive {
  const lines = text.split("\n").slice(0, -1);
  const { header } = JSON.parse(lines[0] ?? "{}");
  const { manifest } = JSON.parse(lines.at(-1) ?? "{}");
  expect(manifest, lines.at(-1)).toBeDefined();
  return { header, lines: lines.slice(1, -1), manifest };
}

/** Lines of an archive, cut into parts of about so many characters. */
export function partsOf(lines: readonly string[], size = 1_000_000): string[] {
  const parts: string[] = [];
  for (const line of lines) {
    const last = parts.at(-1);
    if (last !== undefined && last.length + line.length < size) {
      parts[parts.length - 1] = `${last}${line}\n`;
    } else parts.push(`${line}\n`);
  }
  return parts;
}

export async function sendPart(
  call: Call,
  token: string,
  importUrl: string,
  part: number,
  text: string,
  changes: CallOptions = {},
): Promise<Reply> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const headers = {
    "content-type": "application/x-ndjson",
    "content-digest": `sha-256=:${btoa(String.fromCharCode(...new Uint8Array(digest)))}:`,
  };
  return call("PUT", `${importUrl}/parts/${part}`, {
    token,
    raw: text,
    ...changes,
    headers: { ...headers, ...changes.headers },
  });
}

/** Begins an import. @returns its address */
export async function begun(call: Call, token: string, body: unknown): Promise<string> {
  const reply = await call("POST", `${TENANTS}/imports`, { token, body });
  expect(reply.status, reply.text).toBe(200);
  return `${PLATFORM_ORIGIN}${reply.headers.get("location")}`;
}

/** Sends all parts. */
export async function sent(
  call: Call,
  token: string,
  importUrl: string,
  { lines }: Archive,
  size?: number,
): Promise<void> {
  for (const [index, text] of partsOf(lines, size).entries()) {
    const reply = await sendPart(call, token, importUrl, index + 1, text);
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json.parts).toBe(index + 1);
  }
}

export function complete(
  call: Call,
  token: string,
  importUrl: string,
  { manifest }: Archive,
  pages?: number,
): Promise<Reply> {
  const query = pages === undefined ? "" : `?pages=${pages}`;
  return call("POST", `${importUrl}/complete${query}`, { token, body: manifest });
}

/** The state of a tenant, as the registry has it. */
export async function registryRow(id: string): Promise<Record<string, unknown>> {
  const row = await bindings.CONTROL_DB.prepare("SELECT * FROM tenants WHERE id = ?")
    .bind(id)
    .first();
  if (!row) throw new Error(`There is no tenant ${id}.`);
  return row;
}

/** The database that an import fills. */
export async function fillingOf(importUrl: string): Promise<D1Database> {
  const row = await bindings.CONTROL_DB.prepare("SELECT binding FROM tenant_imports WHERE id = ?")
    .bind(importUrl.split("/").at(-1))
    .first<{ binding: string }>();
  return databaseOf(row?.binding ?? "");
}

/** Every value of a table in a form that shows its storage class, in the order of the rows. */
export async function exactRows(database: D1Database, table: string): Promise<string[]> {
  const { results: columns } = await database
    .prepare(`SELECT name FROM pragma_table_info('${table}')`)
    .all<{ name: string }>();
  const shown = columns.map(
    ({ name }) => `typeof("${name}") || ' ' || quote("${name}") || ' ' || hex("${name}")`,
  );
  const rows = await database
    .prepare(`SELECT rowid, ${shown.join()} FROM "${table}" ORDER BY rowid`)
    .raw();
  return rows.map(([, ...values]) => JSON.stringify(values));
}

/** An import of a tenant that lives here, which is over: what is sent to it changes nothing. @returns its id */
export async function doneImport(tenantId: string): Promise<string> {
  const id = newId("import");
  await bindings.CONTROL_DB.prepare(
    `INSERT INTO tenant_imports (id, tenant_id, kind, state, cell, binding, schema_version, parts, rows,
      prior_state, started_by, started_at, updated_at, version)
      SELECT ?, id, 'move', 'done', cell, binding, schema_version, 1, 0, state, id, 0, 0, 1
      FROM tenants WHERE id = ?`,
  )
    .bind(id, tenantId)
    .run();
  return id;
}

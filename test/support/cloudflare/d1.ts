import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import type { Account, Database } from "./account.ts";
import { type Call, type Endpoint, endpoint, Fault, isWrangler, pageOf } from "./endpoint.ts";
import { statementsOf } from "./sql.ts";

const ReadReplication = z.strictObject({ mode: z.enum(["auto", "disabled"]) });
const DATABASE = "/accounts/:account/d1/database/:database";

/** As many databases as an account may have, unless Cloudflare has raised it. */
const MOST_DATABASES = 50_000;

/** D1: databases, their settings and their rows. */
export const D1_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET /accounts/:account/d1/database", {
    query: z.strictObject({
      name: z.string().optional(),
      page: z.string().optional(),
      per_page: z.string().optional(),
    }) as z.ZodType<Record<string, string>>,
    // `name` finds whatever has it in its name.
    answer: ({ databases }, { query }) =>
      pageOf(databases.filter(({ name }) => name.includes(query.name ?? "")).map(shown), query),
  }),
  endpoint("POST /accounts/:account/d1/database", {
    body: z.strictObject({
      name: z.string().min(1),
      jurisdiction: z.enum(["eu", "fedramp", "us"]).optional(),
      primary_location_hint: z.enum(["wnam", "enam", "weur", "eeur", "apac", "oc"]).optional(),
      read_replication: ReadReplication.optional(),
    }),
    answer: ({ databases }, { body }) => {
      if (databases.some(({ name }) => name === body.name)) {
        throw new Fault(400, 7502, `A database with the name ${body.name} exists already.`);
      }
      if (databases.length >= MOST_DATABASES) throw new Fault(400, 7406, "No more databases.");
      const database: Database = {
        uuid: randomUUID(),
        name: body.name,
        created_at: new Date().toISOString(),
        jurisdiction: body.jurisdiction ?? null,
        primary_location_hint: body.primary_location_hint ?? null,
        read_replication: body.read_replication ?? { mode: "disabled" },
      };
      databases.push(database);
      return { result: shown(database) };
    },
  }),
  endpoint(`GET ${DATABASE}`, {
    query: z.strictObject({ fields: z.string().optional() }) as z.ZodType<Record<string, string>>,
    answer: (account, call) => ({ result: shown(databaseOf(account, call)) }),
  }),
  ...(["PUT", "PATCH"] as const).map((method) =>
    endpoint(`${method} ${DATABASE}`, {
      body: z.strictObject({
        read_replication: method === "PUT" ? ReadReplication : ReadReplication.optional(),
      }),
      answer: (account, call) => {
        const database = databaseOf(account, call);
        database.read_replication = call.body.read_replication ?? database.read_replication;
        return { result: shown(database) };
      },
    }),
  ),
  endpoint(`DELETE ${DATABASE}`, {
    answer: (account, call) => {
      const database = databaseOf(account, call);
      account.databases = account.databases.filter((other) => other !== database);
      return { result: null };
    },
  }),
  endpoint(`POST ${DATABASE}/query`, {
    body: z.strictObject({ sql: z.string(), params: z.array(z.unknown()).optional() }),
    answer: async (account, call) => {
      const { sql, params = [] } = call.body;
      const statements = statementsOf(sql).map((text) => ({ sql: text, params }));
      return { result: await run(account, databaseOf(account, call), statements) };
    },
  }),
  endpoint(`POST ${DATABASE}/import`, {
    body: z.discriminatedUnion("action", [
      z.strictObject({ action: z.literal("init"), etag: z.string() }),
      z.strictObject({ action: z.literal("ingest"), etag: z.string(), filename: z.string() }),
      z.strictObject({ action: z.literal("poll"), current_bookmark: z.string() }),
    ]),
    answer: async (account, call) => {
      const database = databaseOf(account, call);
      if (call.body.action === "init") {
        const filename = `${database.uuid}.${call.body.etag}.sql`;
        const upload_url = `http://${call.headers.host}/upload/${filename}`;
        return { result: { success: true, filename, upload_url } };
      }
      if (call.body.action === "poll") throw new Fault(400, 7400, "No import is under way.");
      return { result: await ingest(account, database, call.body) };
    },
  }),
];

/** The file is one transaction, as with D1; a statement that fails leaves nothing behind. */
async function ingest(
  account: Account,
  database: Database,
  { filename, etag }: { filename: string; etag: string },
) {
  const sql = account.sqlFiles.get(filename);
  if (sql === undefined || createHash("md5").update(sql).digest("hex") !== etag) {
    throw new Fault(400, 7400, "The file that was uploaded is another one.");
  }
  account.sqlFiles.delete(filename);
  const statements = statementsOf(sql).map((text) => ({ sql: text, params: [] }));
  try {
    await run(account, database, statements);
  } catch (error) {
    return {
      success: true,
      type: "import",
      status: "error",
      messages: [],
      errors: [(error as Error).message],
    };
  }
  const meta = { duration: 0, rows_read: 0, rows_written: 0, size_after: 0 };
  return {
    success: true,
    type: "import",
    status: "complete",
    messages: [],
    at_bookmark: "1",
    result: { num_queries: statements.length, final_bookmark: "1", meta },
  };
}

async function run(
  account: Account,
  { uuid }: Database,
  statements: { sql: string; params: unknown[] }[],
) {
  try {
    return await account.runtime.query(account, uuid, statements);
  } catch (error) {
    throw new Fault(400, 7500, (error as Error).message);
  }
}

/** By id, as the schema has it; wrangler asks by name as well. */
function databaseOf(account: Account, call: Call): Database {
  const wanted = call.params.database;
  const byName = isWrangler(call);
  const found = account.databases.find(
    ({ uuid, name }) => uuid === wanted || (byName && name === wanted),
  );
  if (!found) throw new Fault(404, 7404, `The database ${wanted} could not be found.`);
  return found;
}

function shown({ primary_location_hint: _, ...database }: Database) {
  return { ...database, version: "production", file_size: 12_288, num_tables: 0 };
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { principalName } from "../../src/platform/access/principal.ts";
import { sha256Hex } from "../../src/platform/crypto/digest.ts";
import { hashPassword } from "../../src/platform/crypto/password-hash.ts";
import { randomToken } from "../../src/platform/crypto/random.ts";
import { newId } from "../../src/platform/ids.ts";
import { runWrangler, WranglerFailed } from "./wrangler.ts";

/** Somebody to make an operator. */
export interface NewOperator {
  email: string;
  password: string;
}

/** Which control database, and how wrangler reaches it. */
export interface ControlDatabase {
  /** Arguments that choose it: `--local --persist-to …` or `--remote`, and `--config`. */
  args: readonly string[];
  env: NodeJS.ProcessEnv;
}

/**
 * Makes a platform operator, with the audit row that says so.
 *
 * @returns false when somebody with that e-mail is there already; nothing was changed then
 * @throws WranglerFailed on any other trouble with the database
 */
export async function createOperator(
  operator: NewOperator,
  database: ControlDatabase,
): Promise<boolean> {
  // A file and not an argument: other users of the machine can read what programs are started with.
  const directory = mkdtempSync(join(tmpdir(), "rowhouse-"));
  try {
    const file = join(directory, "operator.sql");
    writeFileSync(file, await operatorSql(operator), { mode: 0o600 });
    await runWrangler(
      ["d1", "execute", "CONTROL_DB", ...database.args, "--yes", "--file", file],
      database.env,
    );
    return true;
  } catch (error) {
    if (error instanceof WranglerFailed && isTaken(error.output)) return false;
    throw error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The statements. D1 runs a file of them as one transaction, so row and audit row come together. */
export async function operatorSql({ email, password }: NewOperator): Promise<string> {
  const now = Date.now();
  const id = newId("user");
  const audit = newId("audit");
  const salt = randomToken();
  const person = {
    email: email.toLowerCase(),
    first_name: "Platform",
    last_name: "Operator",
    role: "operator",
  };
  const data = JSON.stringify({ new: person });
  const rows: [table: string, row: Record<string, string | number>][] = [
    [
      "users",
      {
        id,
        ...person,
        password_hash: await hashPassword(password),
        password_version: 1,
        created_at: now,
        updated_at: now,
        version: 1,
      },
    ],
    [
      "audit_log",
      {
        id: audit,
        commit_id: newId("commit"),
        ordinal: 0,
        occurred_at: now,
        action: "user.created",
        principal: principalName({ kind: "job", name: "operator-cli" }),
        target: id,
        request_id: newId("request"),
        commitment: await sha256Hex(`${salt}.${data}`),
      },
    ],
    ["audit_private", { audit_id: audit, salt, data }],
  ];
  return rows.map(([table, row]) => insert(table, row)).join("\n");
}

/** A row as it is written in SQL. */
export function insert(table: string, row: Record<string, string | number>): string {
  const values = Object.values(row).map(literal);
  return `INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${values.join(", ")});`;
}

/** A value as SQLite reads it; a quote inside a text is written twice, nothing else is special. */
export function literal(value: string | number): string {
  if (typeof value === "number") return String(value);
  if (value.includes("\0")) throw new RangeError("A text with a NUL cannot be written as SQL.");
  return `'${value.replaceAll("'", "''")}'`;
}

function isTaken(output: string): boolean {
  return /UNIQUE constraint failed: users\.email/.test(output);
}

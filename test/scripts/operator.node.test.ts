import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, it } from "vitest";
import { literal, operatorSql } from "../../scripts/lib/operator.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { sha256Hex } from "../../src/platform/crypto/digest.ts";
import { verifyPassword } from "../../src/platform/crypto/password-hash.ts";

const PASSWORD = "it's a 'quoted' secret";

describe("operatorSql", () => {
  let database: DatabaseSync;

  beforeEach(() => {
    database = new DatabaseSync(":memory:");
    const directory = join(ROOT, "migrations", "control");
    for (const file of readdirSync(directory).sort()) {
      if (file.endsWith(".sql")) database.exec(readFileSync(join(directory, file), "utf8"));
    }
  });

  it("makes an operator who can sign in, in the schema of the migrations", async () => {
    database.exec(await operatorSql({ email: "O'Neil@Example.com", password: PASSWORD }));
    const user = database.prepare("SELECT * FROM users").get() as Record<string, string>;
    expect(user).toMatchObject({ email: "o'neil@example.com", role: "operator" });
    expect(await verifyPassword(user.password_hash ?? "", PASSWORD)).toEqual({
      ok: true,
      outdated: false,
    });
  });

  it("leaves an audit row that proves itself and names neither e-mail nor password", async () => {
    const sql = await operatorSql({ email: "a@example.com", password: PASSWORD });
    expect(sql).not.toContain("secret");
    database.exec(sql);
    const row = database
      .prepare(
        `SELECT action, principal, commitment, salt, data, target = users.id AS target_is_user
         FROM audit_log JOIN audit_private ON audit_id = audit_log.id, users`,
      )
      .get() as Record<string, string>;
    expect(row).toMatchObject({
      action: "user.created",
      principal: "job:operator-cli",
      target_is_user: 1,
    });
    expect(row.commitment).toBe(await sha256Hex(`${row.salt}.${row.data}`));
    expect(JSON.parse(row.data ?? "")).toMatchObject({ new: { email: "a@example.com" } });
  });

  it("fails on the second operator of an e-mail", async () => {
    database.exec(await operatorSql({ email: "a@example.com", password: PASSWORD }));
    const again = await operatorSql({ email: "A@example.com", password: PASSWORD });
    expect(() => database.exec(again)).toThrow("UNIQUE constraint failed: users.email");
  });
});

describe("npm run operator", { timeout: 60_000 }, () => {
  it.each([
    ["short", "The password must have at least 12 characters."],
    ["password1234", "The password is among the passwords that attackers try first."],
  ])("says in a sentence what is wrong with %j, before it touches anything", (input, sentence) => {
    const args = ["scripts/operator.ts", "create", "ops@example.com", "--password-stdin"];
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: ROOT,
      input,
      encoding: "utf8",
    });
    expect(stderr.trim()).toBe(sentence);
    expect(status).toBe(1);
  });
});

describe("literal", () => {
  it.each(["", "'", "''", "a'; DROP TABLE users; --", "\\'", '"', "line\nbreak", "ü𝄞"])(
    "writes %j so that SQLite reads the same",
    (value) => {
      const database = new DatabaseSync(":memory:");
      expect(database.prepare(`SELECT ${literal(value)} AS it`).get()).toEqual({ it: value });
    },
  );

  it("refuses what SQLite would cut off", () => {
    expect(() => literal("a\0b")).toThrow(RangeError);
  });
});

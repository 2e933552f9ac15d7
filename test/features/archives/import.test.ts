import { beforeAll, describe, expect, it } from "vitest";
import { forgetRoute } from "../../../src/platform/tenancy/index.ts";
import { SCHEMA_VERSION } from "../../../src/platform/tenancy/schema-version.ts";
import {
  type Archive,
  begun,
  complete,
  exported,
  openCell,
  openElsewhere,
  partsOf,
  sendPart,
  sent,
  TENANTS,
} from "../../support/archives.ts";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { firstValue } from "../../support/worker.ts";

type Elsewhere = Awaited<ReturnType<typeof openElsewhere>>;

const home = openCell("test-1");
let elsewhere: Elsewhere;
let operator: Caller;
beforeAll(async () => {
  operator = await newOperator();
  elsewhere = await openElsewhere();
});

/** A tenant that is suspended here, and its archive. */
async function archived(): Promise<{ tenant: TestTenant; archive: Archive }> {
  const tenant = await newTenant();
  await call("POST", `${TENANTS}/${tenant.id}/suspend`, { token: operator.token });
  return { tenant, archive: await exported(home.call, operator.token, tenant.id) };
}

const stateElsewhere = (id: string) =>
  firstValue(elsewhere.control, "SELECT state FROM tenants WHERE id = ?", id);

const body = (archive: Archive) => ({ archive: archive.header });

describe("an archive in an environment that does not know its tenant", () => {
  it("makes the tenant anew, with its id, its slug and its people", async () => {
    const { tenant, archive } = await archived();
    const url = await begun(elsewhere.call, elsewhere.token, body(archive));
    forgetRoute(tenant.slug);
    const early = await elsewhere.call("GET", `${tenant.api}/auth/me`, {});
    expect(problemOf(early)).toBe("tenant-provisioning");
    await sent(elsewhere.call, elsewhere.token, url, archive, 2_000);
    const done = await complete(elsewhere.call, elsewhere.token, url, archive);
    expect(done.status, done.text).toBe(200);
    expect(done.json).toMatchObject({ kind: "new", state: "done" });
    forgetRoute(tenant.slug);
    const login = await elsewhere.call("POST", `${tenant.api}/auth/login`, {
      body: { email: tenant.admin.email, password: PASSWORD },
    });
    expect(login.status, login.text).toBe(200);
    forgetRoute(tenant.slug);
    const states = "SELECT state FROM tenant_databases WHERE tenant_id = ?";
    expect(await firstValue(elsewhere.control, states, tenant.id)).toBe("serving");
  });

  it("given up, it is gone, its slug is nobody else's, and it may be brought in again", async () => {
    const { tenant, archive } = await archived();
    const url = await begun(elsewhere.call, elsewhere.token, body(archive));
    const [first = ""] = partsOf(archive.lines, 2_000);
    await sendPart(elsewhere.call, elsewhere.token, url, 1, first);
    const token = elsewhere.token;
    expect((await elsewhere.call("DELETE", url, { token })).status).toBe(204);
    expect(await stateElsewhere(tenant.id)).toBe("purged");
    const late = await sendPart(elsewhere.call, token, url, 2, first);
    expect(problemOf(late)).toBe("import-state");
    expect(problemOf(await complete(elsewhere.call, token, url, archive))).toBe("import-state");
    const header = {
      ...archive.header,
      tenant: { ...archive.header.tenant, id: other(tenant.id) },
    };
    const taken = await elsewhere.call("POST", `${TENANTS}/imports`, {
      token,
      body: { archive: { ...header, keys: {} } },
    });
    expect(problemOf(taken)).toBe("slug-taken");
    const again = await begun(elsewhere.call, token, body(archive));
    expect(again).not.toBe(url);
    await sent(elsewhere.call, token, again, archive);
    const done = await complete(elsewhere.call, token, again, archive);
    expect(done.status, done.text).toBe(200);
    expect(await stateElsewhere(tenant.id)).toBe("active");
    const databases = await elsewhere.control
      .prepare("SELECT state FROM tenant_databases WHERE tenant_id = ? ORDER BY binding")
      .bind(tenant.id)
      .raw();
    expect(databases.flat()).toEqual(["retired", "serving"]);
  });
});

/** Another id of the same kind. */
const other = (id: string) => `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`;

describe("what is wrong with an archive", () => {
  it("is said before anything is claimed", async () => {
    const { archive } = await archived();
    const { header } = archive;
    const { token } = elsewhere;
    const before = await firstValue(elsewhere.control, "SELECT count(*) FROM tenant_databases");
    const wrong: readonly [string, object][] = [
      ["/archive/version", { ...header, version: 2 }],
      ["/archive/schema_version", { ...header, schema_version: SCHEMA_VERSION + 1 }],
      ["/archive/keys/lost", { ...header, keys: { lost: "0".repeat(32) } }],
      ["/archive/keys/test", { ...header, keys: { test: "0".repeat(32) } }],
      ["/archive/tenant/plan", { ...header, tenant: { ...header.tenant, plan: "unheard-of" } }],
    ];
    for (const [pointer, changed] of wrong) {
      const reply = await elsewhere.call("POST", `${TENANTS}/imports`, {
        token,
        body: { archive: changed },
      });
      expect(problemOf(reply), pointer).toBe("archive-invalid");
      expect(reply.json.errors.map((error: { pointer: string }) => error.pointer)).toEqual([
        pointer,
      ]);
    }
    const unknown = await elsewhere.call("POST", `${TENANTS}/imports`, {
      token,
      body: { tenant_id: other(header.tenant.id) },
    });
    expect(problemOf(unknown)).toBe("not-found");
    const after = await firstValue(elsewhere.control, "SELECT count(*) FROM tenant_databases");
    expect(after).toBe(before);
  });

  it("is said of each part, which leaves nothing then; the right one goes on", async () => {
    const { tenant, archive } = await archived();
    const { token } = elsewhere;
    const url = await begun(elsewhere.call, token, body(archive));
    const [realm = ""] = archive.lines.filter((line) => line.startsWith('{"table":"realm","row"'));
    const [user = ""] = archive.lines.filter((line) => line.startsWith('{"table":"users","row"'));
    const wide = JSON.parse(user);
    const large = { ...wide, row: wide.row.with(2, "x".repeat(2_000_001)) };
    const odd = { ...wide, row: wide.row.with(2, true) };
    const wrong: Record<string, readonly [text: string, problem: string, pointer?: string]> = {
      "another tenant's": [
        realm.replace(tenant.id, other(tenant.id)),
        "archive-invalid",
        "/0/row/1",
      ],
      "an unknown table": ['{"table":"secrets","row":[]}', "archive-invalid", "/0/table"],
      "an unknown column": [user.replace("]}", ",1]}"), "archive-invalid", "/0/row"],
      "no value": [JSON.stringify(odd), "archive-invalid", "/0/row/2"],
      "too large a row": [JSON.stringify(large), "archive-invalid", "/0/row"],
      "an error line": ['{"error":{"detail":"broken off"}}', "archive-invalid", "/0"],
      "refused by the database": [`${user}\n${user.replace("user_", "user_x")}`, "archive-invalid"],
      "cut off": [user.slice(0, -9), "malformed-json"],
      "not UTF-8": ["\ud800", "malformed-json"],
    };
    delete wrong["not UTF-8"];
    for (const [what, [text, problem, pointer]] of Object.entries(wrong)) {
      const reply = await sendPart(elsewhere.call, token, url, 1, `${text}\n`);
      expect(problemOf(reply), `${what}: ${reply.text}`).toBe(problem);
      if (pointer) expect(reply.json.errors[0].pointer, what).toBe(pointer);
    }
    const digest = { "content-digest": `sha-256=:${btoa("0".repeat(32))}:` };
    const changed = await sendPart(elsewhere.call, token, url, 1, user, { headers: digest });
    expect(problemOf(changed)).toBe("malformed-request");
    const json = { "content-type": "application/json" };
    const typed = await sendPart(elsewhere.call, token, url, 1, user, { headers: json });
    expect(problemOf(typed)).toBe("unsupported-media-type");
    const skipped = await sendPart(elsewhere.call, token, url, 2, user);
    expect(problemOf(skipped)).toBe("import-state");
    const huge = await sendPart(elsewhere.call, token, url, 1, "x".repeat(8_000_001));
    expect(problemOf(huge)).toBe("content-too-large");
    const shown = await elsewhere.call("GET", url, { token });
    expect(shown.json).toMatchObject({ state: "receiving", parts: 0, rows: 0 });
    expect(await stateElsewhere(tenant.id)).toBe("importing");
    await sent(elsewhere.call, token, url, archive);
    expect((await complete(elsewhere.call, token, url, archive)).status).toBe(200);
  });

  it("a wrong or incomplete whole is not let in; what was missing may follow", async () => {
    const { tenant, archive } = await archived();
    const { token } = elsewhere;
    const url = await begun(elsewhere.call, token, body(archive));
    expect(problemOf(await complete(elsewhere.call, token, url, archive))).toBe("import-state");
    const parts = partsOf(archive.lines, 2_000);
    // Behind it come only the ends of tables.
    const last = parts.findLastIndex((text) => text.includes('"row":')) + 1;
    for (const [index, text] of parts.slice(0, last - 1).entries()) {
      expect((await sendPart(elsewhere.call, token, url, index + 1, text)).status).toBe(200);
    }
    const cut = await complete(elsewhere.call, token, url, archive);
    expect(problemOf(cut)).toBe("archive-invalid");
    expect(cut.json.errors[0].message).toMatch(/has \d+ rows of \d+/);
    // Who heard no answer sends it again, and nothing is there twice.
    for (const part of [1, last, last, last - 1]) {
      const reply = await sendPart(elsewhere.call, token, url, part, parts[part - 1] ?? "");
      expect(reply.status, reply.text).toBe(200);
    }
    for (let part = last + 1; part <= parts.length; part++) {
      expect((await sendPart(elsewhere.call, token, url, part, parts[part - 1] ?? "")).status).toBe(
        200,
      );
    }
    const { manifest } = archive;
    const at = manifest.tables.findIndex(({ table }: { table: string }) => table === "users");
    const sums = manifest.tables.with(at, { ...manifest.tables[at], sha256: "0".repeat(64) });
    const wrong: readonly object[] = [
      { ...manifest, tables: sums },
      { ...manifest, tables: manifest.tables.slice(1) },
      { ...manifest, tables: [...manifest.tables, { ...manifest.tables[0], table: "secrets" }] },
      { ...manifest, tenant_id: other(tenant.id) },
      { ...manifest, schema_version: 1 },
    ];
    for (const changed of wrong) {
      const reply = await complete(elsewhere.call, token, url, { ...archive, manifest: changed });
      expect(problemOf(reply), reply.text).toBe("archive-invalid");
      expect(await stateElsewhere(tenant.id)).toBe("importing");
    }
    const done = await complete(elsewhere.call, token, url, archive);
    expect(done.status, done.text).toBe(200);
    expect(await stateElsewhere(tenant.id)).toBe("active");
  });

  it("of two who begin at once there is one import", async () => {
    const { tenant, archive } = await archived();
    const ask = () =>
      elsewhere.call("POST", `${TENANTS}/imports`, { token: elsewhere.token, body: body(archive) });
    const replies = await Promise.all([ask(), ask(), ask(), ask()]);
    for (const reply of replies) expect([200, 409], reply.text).toContain(reply.status);
    const imports = "SELECT count(*) FROM tenant_imports WHERE tenant_id = ?";
    expect(await firstValue(elsewhere.control, imports, tenant.id)).toBe(1);
    const databases = "SELECT count(*) FROM tenant_databases WHERE tenant_id = ?";
    expect(await firstValue(elsewhere.control, databases, tenant.id)).toBe(1);
    expect((await ask()).status).toBe(200);
  });
});

describe("an export", () => {
  it("is refused of a tenant that is in use, needs a reason, and stands in both logs", async () => {
    const tenant = await newTenant();
    const { token } = operator;
    const inUse = await home.call("GET", `${TENANTS}/${tenant.id}/export?reason=x`, { token });
    expect(problemOf(inUse)).toBe("tenant-state");
    await call("POST", `${TENANTS}/${tenant.id}/suspend`, { token });
    const unexplained = await home.call("GET", `${TENANTS}/${tenant.id}/export`, { token });
    expect(problemOf(unexplained)).toBe("validation-failed");
    const archive = await exported(home.call, token, tenant.id);
    const logged = archive.lines.filter((line) => line.includes("tenant.exported"));
    expect(logged, "it leaves with the archive").toHaveLength(1);
    const inControl =
      "SELECT count(*) FROM audit_log WHERE action = 'tenant.exported' AND target = ?";
    expect(await firstValue(home.env.CONTROL_DB, inControl, tenant.id)).toBe(1);
  });

  it("of a tenant that changed meanwhile ends with an error, not with a manifest", async () => {
    const { tenant } = await archived();
    const { wrapAll } = await import("../../support/worker.ts");
    const row = await firstValue(
      home.env.CONTROL_DB,
      "SELECT binding FROM tenants WHERE id = ?",
      tenant.id,
    );
    let changed = false;
    const env = wrapAll((binding) => async (trip, run) => {
      const result = await run();
      const isRead = trip.sql.some((text) => text.includes('"users"') && text.includes("typeof"));
      if (binding === row && isRead && !changed) {
        changed = true;
        await (home.env[String(row)] as D1Database)
          .prepare("INSERT INTO audit_sums (sum_key, count) VALUES ('meanwhile', 1)")
          .run();
      }
      return result;
    });
    const { callWith } = await import("../../support/client.ts");
    const reply = await callWith(env, "GET", `${TENANTS}/${tenant.id}/export?reason=x`, {
      token: operator.token,
    });
    expect(changed).toBe(true);
    expect(reply.status).toBe(200);
    const last = JSON.parse(reply.text.trimEnd().split("\n").at(-1) ?? "");
    expect(last.error.detail).toMatch(/changed meanwhile/);
  });
});

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hash } from "bcryptjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fire } from "../../scripts/lib/cron-clock.ts";
import { ensureDevVars } from "../../scripts/lib/dev-vars.ts";
import { send } from "../../scripts/lib/http.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { DEMO } from "../../scripts/lib/seed.ts";
import { sha256Hex } from "../../src/platform/crypto/digest.ts";
import { type App, startApp } from "../support/app-server.node.ts";
import { cuttingProxy } from "../support/cutting-proxy.node.ts";
import { type CliOptions, tenantsCli } from "../support/tenants-cli.node.ts";

/** `npm run tenants` against a server that `npm start` has started. */
describe("npm run tenants", { timeout: 120_000 }, () => {
  let home: string;
  let app: App;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "rowhouse-tenants-"));
    ensureDevVars(join(home, ".dev.vars"));
    // Every command signs in, and nobody waits for 30 days here.
    await appendFile(
      join(home, ".dev.vars"),
      'SIGN_INS_PER_MINUTE="1000"\nANONYMOUS_PER_MINUTE="1000"\nPURGE_GRACE_DAYS="0"\n',
    );
    app = await startApp({ home });
    env = { ROWHOUSE_URL: `http://localhost:${app.port}`, ROWHOUSE_STATE: join(home, "state") };
  }, 120_000);

  afterAll(async () => {
    try {
      await app?.stop();
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  const run = (args: readonly string[], options: CliOptions = {}) =>
    tenantsCli(args, { env, ...options });
  const json = async (...args: string[]) => {
    const { status, stdout, stderr } = await run([...args, "--json"]);
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  /** Makes a tenant and signs its admin in. */
  async function made(slug: string) {
    const email = `admin@${slug}.test`;
    const tenant = await json("create", slug, "--name", `The ${slug}`, "--admin-email", email);
    const body = { email, password: tenant.admin_password };
    const door = `${slug}.localhost`;
    const login = () =>
      send({ port: app.port, door, method: "POST", path: "/api/v1/auth/login", body });
    const { text } = await login();
    const headers = { authorization: `Bearer ${JSON.parse(text).access_token}` };
    const get = async (path: string) => {
      const answer = await send({ port: app.port, door, path: `/api/v1${path}`, headers });
      return JSON.parse(answer.text);
    };
    return { ...tenant, login, get };
  }

  it("makes a tenant whose admin can sign in with the password that is shown once", async () => {
    const options = ["--name", "Brick & Sons", "--admin-email", "ada@brick.test"];
    const { status, stdout } = await run(["create", "brick", ...options]);
    expect(status).toBe(0);
    expect(stdout).toContain(`at http://brick.localhost:${app.port}.`);
    const password = /shown this once: (\S+)/.exec(stdout)?.[1];
    const body = { email: "ada@brick.test", password };
    const to = { port: app.port, door: "brick.localhost", method: "POST", body };
    expect((await send({ ...to, path: "/api/v1/auth/login" })).status).toBe(200);

    const again = await run(["create", "brick", ...options]);
    expect(again.status).toBe(1);
    expect(again.stdout).toBe("");
    expect(again.stderr).toMatch(/^409 The slug is taken\n {2}request req_\w{26}\n$/);
  });

  it("takes the admin's password from standard input, and shows none then", async () => {
    const args = ["create", "stone", "--name", "Stone", "--admin-email", "ada@stone.test"];
    const weak = await run([...args, "--admin-password-stdin"], { input: "short\n" });
    expect(weak.status).toBe(1);
    expect(weak.stderr).toMatch(/^422 .*\n {2}\/admin_password .*\n {2}request req_/);
    const good = await run([...args, "--admin-password-stdin", "--json"], {
      input: "a-long-one-of-ours\n",
    });
    expect(good.status, good.stderr).toBe(0);
    expect(good.stdout).not.toContain("password");
    expect(JSON.parse(good.stdout)).toMatchObject({ slug: "stone", status: "active" });
  });

  it("lists and shows tenants, to people and to programs", async () => {
    await made("shown");
    const { stdout } = await run(["list"]);
    expect(stdout).toMatch(/^SLUG +STATE +PLAN +CELL +REGION +SINCE\n/);
    expect(stdout).toMatch(/^shown +active +standard +local-1 +- +\d{4}-\d\d-\d\d$/m);
    const lines = (await run(["list", "--json"])).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).slug)).toEqual(
      expect.arrayContaining(["acme", "shown"]),
    );
    expect((await run(["list", "--state", "suspended"])).stdout.split("\n")).toHaveLength(2);
    expect((await run(["list", "--state", "asleep"])).stderr).toMatch(/^422 .*\n {2}\?state /);

    expect((await run(["show", "shown"])).stdout).toMatch(/^state +active$/m);
    expect(await json("show", "shown")).toMatchObject({
      slug: "shown",
      purge_after: null,
      database: expect.stringMatching(/^TENANT_DB_\d{4}$/),
      schema_version: expect.any(Number),
      unsynced_since: null,
    });
    const nobody = await run(["show", "nobody"]);
    expect(nobody).toEqual({ status: 1, stdout: "", stderr: 'There is no tenant "nobody".\n' });
  });

  it("suspends, activates and deactivates", async () => {
    const { login } = await made("moody");
    for (const [name, state, status] of [
      ["suspend", "suspended", 403],
      ["activate", "active", 200],
      ["deactivate", "deactivated", 404],
    ] as const) {
      expect((await run([name, "moody"])).stdout).toBe(`moody is ${state}.\n`);
      expect((await json("show", "moody")).state).toBe(state);
      expect((await login()).status, name).toBe(status);
    }
    const refused = await run(["suspend", "moody"]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^409 .* does not allow this: The tenant is deactivated\.\n/);
  });

  it("runs SQL on one tenant, whose own log says who did what and why", async () => {
    const { get, id } = await made("probed");
    const people = await run(["exec", "probed", "SELECT email, role FROM users", "--reason", "T1"]);
    expect(people.stdout).toBe("email              role\nadmin@probed.test  admin\n");
    // Its own log row is there already, and proves itself.
    const change = "UPDATE users SET first_name = 'Zoë; O''Neil'";
    const proof = `SELECT commitment, salt, data FROM audit_log JOIN audit_private
      ON audit_id = audit_log.id ORDER BY seq DESC LIMIT 1`;
    const sql = `${change}; ${proof}; SELECT first_name FROM users;`;
    const [changed, logged, read] = await json("exec", "probed", sql, "--reason", "Ticket 4711");
    expect(changed).toEqual({ changed: 1 });
    expect(read).toEqual({ rows: [{ first_name: "Zoë; O'Neil" }] });
    const [row] = logged.rows;
    expect(row.commitment).toBe(await sha256Hex(`${row.salt}.${row.data}`));
    const { data } = await get("/audit?action=sql.executed");
    expect(data).toHaveLength(2);
    expect(data[0]).toMatchObject({
      principal: "job:tenants-cli",
      target: id,
      private: { reason: "Ticket 4711", sql: `${change}; ${proof}; SELECT first_name FROM users` },
    });
  });

  it("changes nothing, and logs nothing, when a statement fails", async () => {
    const { get } = await made("careful");
    const sql = "UPDATE users SET first_name = 'X'; INSERT INTO nowhere VALUES (1)";
    const failed = await run(["exec", "careful", sql, "--reason", "T2"]);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(/^Nothing was changed: no such table: nowhere/);
    expect((await get("/audit?action=sql.executed")).data).toEqual([]);
    expect((await get("/users")).data[0].first_name).toBe("Tenant");
    const elsewhere = await run(["exec", "nobody", "SELECT 1", "--reason", "T3"]);
    expect(elsewhere.stderr).toBe('There is no tenant "nobody".\n');
  });

  it("purges a tenant only where its slug is spelled again", async () => {
    await made("ruin");
    await run(["deactivate", "ruin"]);
    const state = async () => (await json("show", "ruin")).state;
    for (const [args, options] of [
      [["purge", "ruin"], { typed: "rain" }],
      [["purge", "ruin"], { typed: "" }],
      [["purge", "ruin"], { typed: "y" }],
      [["purge", "ruin", "--yes", "rain"], {}],
      [["purge", "ruin", "--yes", ""], {}],
    ] as const) {
      const refused = await run(args, options);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain('That is not "ruin": nothing was changed.');
      expect(await state()).toBe("deactivated");
    }
    for (const args of [
      ["purge", "ruin"],
      ["purge", "ruin", "--yes"],
    ]) {
      const unasked = await run(args, { input: "ruin\n" });
      expect(unasked.status).toBe(2);
      expect(await state()).toBe("deactivated");
    }
    const asked = await run(["purge", "ruin"], { typed: "ruin" });
    expect(asked.stderr).toContain(`"The ruin" (http://ruin.localhost:${app.port})`);
    expect(asked.stdout).toContain("ruin is being purged");
    await fire(app.port, "* * * * *", new Date());
    expect(await state()).toBe("purged");
    expect((await run(["purge", "ruin", "--yes", "ruin", "--wait"])).stdout).toBe(
      "ruin is purged.\n",
    );
    const gone = await run(["exec", "ruin", "SELECT 1", "--reason", "T4"]);
    expect(gone.stderr).toBe("ruin is purged: it has no database.\n");
  });

  it("does not purge a tenant that has not left", async () => {
    await made("alive");
    const refused = await run(["purge", "alive", "--yes", "alive"]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^409 .*: The tenant is active, not deactivated\.\n {2}request/);
  });

  it("takes a tenant out, verified line by line, and moves it, also when it is cut off", async () => {
    const { id, login } = await made("roving");
    const file = join(home, "roving.ndjson");
    const take = ["export", "roving", "--reason", "Ticket 1", "--out", file];
    const open = await run(take);
    expect(open.stderr).toMatch(/^409 .*: Suspend or deactivate the tenant first/);
    // Three parts or so.
    const rows = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      INSERT INTO actors (id, type, name, active, created_at, updated_at, version)
      SELECT 'actor_' || printf('%026d', i), 'support', printf('%0800d', i), 1, 0, 0, 1 FROM n`;
    await json("exec", "roving", rows, "--reason", "T5");
    await run(["suspend", "roving"]);
    await writeFile(`${file}.partial`, "left by one that was cut off");
    const whole = await run([...take.slice(0, -1), `${file}.whole`]);
    expect(whole.status, whole.stderr).toBe(0);
    // As many requests as a tenant of many gigabytes takes.
    const taken = await run([...take, "--pages", "2"]);
    const rowsIn = async (name: string) =>
      (await readFile(name, "utf8"))
        .split("\n")
        .filter((line) => line.includes('"table":"actors"'));
    expect((await rowsIn(file)).filter((line) => line.includes('"row":'))).toEqual(
      (await rowsIn(`${file}.whole`)).filter((line) => line.includes('"row":')),
    );
    expect(
      (await rowsIn(file)).filter((line) => line.startsWith('{"table"')).length,
    ).toBeGreaterThan(3_002);
    expect(taken.stderr).not.toContain("request");
    expect(taken.stdout).toMatch(/roving\.ndjson: \d{4} rows of \d+ tables, verified\.\n$/);
    expect(existsSync(`${file}.partial`)).toBe(false);
    expect((await run(take)).stderr).toMatch(/^There is a .*roving\.ndjson already/);

    const here = await run(["import", file]);
    expect(here.stderr).toContain("roving lives here: --move takes it to a fresh database.");
    const proxy = await cuttingProxy(app.port);
    const through = {
      ...env,
      ROWHOUSE_DIAL: `127.0.0.1:${proxy.port}`,
      ROWHOUSE_OPERATOR_EMAIL: DEMO.operator,
      ROWHOUSE_OPERATOR_PASSWORD: DEMO.password,
    };
    try {
      proxy.cutAt(/^PUT .*\/parts\/2$/);
      const cut = await run(["import", file, "--move"], { env: through });
      expect(cut.status).toBe(1);
      expect(cut.stderr).toContain("does not answer (ECONNRESET).");
      expect((await login()).status).toBe(503);
      const unasked = await run(["import", file, "--move"]);
      expect(unasked.stderr).toContain(
        "with 1 parts taken in: --resume goes on, --abandon gives it",
      );
      proxy.cutAt(null);
      const before = proxy.seen.length;
      const resumed = await run(["import", file, "--resume", "--pages", "2"], { env: through });
      expect(resumed.status, resumed.stderr).toBe(0);
      expect(resumed.stdout).toMatch(/^roving lives in cell local-1 now: \d{4} rows\.\n$/);
      const parts = proxy.seen.slice(before).filter((what) => what.startsWith("PUT"));
      expect(parts[0]).toMatch(/\/parts\/2$/);
      expect(parts.length).toBeGreaterThan(1);
      const compared = proxy.seen.filter((what) => /^POST .*\/complete\?pages=2$/.test(what));
      expect(compared.length).toBeGreaterThan(10);
    } finally {
      proxy.close();
    }
    expect(await json("show", "roving")).toMatchObject({ id, state: "suspended" });
    await run(["activate", "roving"]);
    expect((await login()).status).toBe(200);
  });

  it("goes on with an import, or gives it up, only where one is open", async () => {
    const { login } = await made("homely");
    const file = join(home, "homely.ndjson");
    await run(["suspend", "homely"]);
    await run(["export", "homely", "--reason", "Ticket 3", "--out", file]);
    await run(["activate", "homely"]);
    const before = await json("show", "homely");
    for (const args of [
      ["import", file, "--resume"],
      ["import", file, "--abandon"],
      ["move", "homely", "--abandon"],
    ]) {
      const refused = await run(args);
      expect(refused.stderr).toBe("No import or move of homely is open: nothing was changed.\n");
      expect(refused.status).toBe(1);
    }
    // The archive is older than what came after, so the move that is begun with it ends again.
    const stale = await run(["import", file, "--move"]);
    expect(stale.status).toBe(1);
    expect(stale.stderr).toMatch(/^409 .*: The tenant changed after it was exported\./m);
    expect(stale.stderr).toContain("is abandoned again; the tenant is where it was.\n");
    const { database, state } = await json("show", "homely");
    expect([database, state]).toEqual([before.database, "active"]);
    expect((await login()).status).toBe(200);
  });

  it("gives up a move that cannot go on", async () => {
    const { login } = await made("stayer");
    const file = join(home, "stayer.move");
    const moving = ["move", "stayer", "--reason", "Ticket 4", "--file", file];
    const proxy = await cuttingProxy(app.port);
    const through = { ...env, ROWHOUSE_URL: `http://localhost:${proxy.port}` };
    try {
      proxy.cutAt(/^PUT .*\/parts\/1$/);
      const cut = await run(moving, { env: through });
      expect(cut.stderr).toContain("does not answer (ECONNRESET).");
    } finally {
      proxy.close();
    }
    expect((await run(["suspend", "stayer"])).stderr).toContain(": The tenant is importing.\n");
    await rm(file);
    const other = join(home, "roving.ndjson");
    const stuck = await run([...moving.slice(0, -1), other]);
    expect(stuck.stderr).toBe(
      `${other} is another tenant's.\nThe import is open, and the tenant's door answers 503: ` +
        "the same command goes on, `move stayer --abandon` gives it up.\n",
    );
    expect((await login()).status).toBe(503);
    const left = await run(["move", "stayer", "--abandon"]);
    expect(left.stdout).toMatch(/^import_\w+ is abandoned; stayer is active\.\n$/);
    expect((await login()).status).toBe(200);
    const old = await run([...moving.slice(0, -1), other]);
    expect(old.stderr).toMatch(/^There is a .*roving\.ndjson already, of no move that is open/);
    expect((await login()).status).toBe(200);
  });

  it("moves a tenant in one go", async () => {
    const { login } = await made("nomad");
    const file = join(home, "nomad.move");
    const moved = await run(["move", "nomad", "--reason", "Ticket 2", "--file", file]);
    expect(moved.stderr).not.toContain("request");
    expect(moved.stdout).toMatch(/^nomad lives in cell local-1 now: \d+ rows\.\n$/);
    expect(existsSync(file)).toBe(false);
    expect((await login()).status).toBe(200);
  });

  it("refuses files that are not whole, before it asks for anything", async () => {
    const file = join(home, "roving.ndjson");
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    const other = join(home, "other.ndjson");
    const swapped = lines.map((line) => line.replace('"admin@roving.test"', '"eve@roving.test"'));
    const cases: [string, string, RegExp][] = [
      ["cut off", lines.slice(0, -1).join("\n"), /was cut off: it has no manifest/],
      ["in the middle of a line", lines.join("\n").slice(0, 5_000), /^Line \d+ is not valid JSON/],
      ["a row changed", swapped.join("\n"), /has rows that are not those of its checksum/],
      ["a row missing", lines.toSpliced(3, 1).join("\n"), /has \d+ rows of \d+|has no end|is not/],
      ["no header", lines.slice(1).join("\n"), /is no archive: it does not begin/],
      ["empty", "", /is empty/],
    ];
    const proxy = await cuttingProxy(app.port);
    const through = { ...env, ROWHOUSE_URL: `http://localhost:${proxy.port}` };
    for (const [name, text, sentence] of cases) {
      await writeFile(other, text);
      const refused = await run(["import", other, "--move"], { env: through });
      expect(refused.stderr, name).toMatch(sentence);
      expect([refused.status, refused.stdout]).toEqual([1, ""]);
    }
    expect(proxy.seen).toEqual([]);
    proxy.close();
  });

  it("makes a tenant from the seeds' form, whose people keep their passwords", async () => {
    const file = join(home, "seed.json");
    const form = {
      format: "rowhouse-seed",
      version: 1,
      tenant: { slug: "seeded", name: "Seeded" },
      users: [
        {
          email: "ada@seeded.test",
          first_name: "Ada",
          last_name: "Admin",
          role: "admin",
          password_hash: await hash(DEMO.password, 4),
        },
      ],
    };
    await writeFile(file, JSON.stringify({ ...form, users: [{ ...form.users[0], role: "king" }] }));
    expect((await run(["import", file])).stderr).toMatch(
      /^422 [\s\S]*\/users\/0\/role [\s\S]*request/,
    );
    await writeFile(file, JSON.stringify(form, null, 2));
    expect((await run(["import", file])).stdout).toContain("Made seeded (tenant_");
    const body = { email: "ada@seeded.test", password: DEMO.password };
    const to = { port: app.port, door: "seeded.localhost", method: "POST", body };
    expect((await send({ ...to, path: "/api/v1/auth/login" })).status).toBe(200);
    expect((await run(["import", file])).stderr).toMatch(/^409 The slug is taken/);
  });

  it("migrates the fleet, and says what became of it", async () => {
    const unknown = await run(["migrate", "--canary", "nobody"]);
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toMatch(/request req_/);
    const { status, stdout, stderr } = await run(["migrate", "--concurrency", "3"]);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^Nobody is behind schema \d+\.\n$/);
    expect(await json("migrate", "--resume")).toMatchObject({ state: "done" });
  });

  it("is let in by the password alone", async () => {
    const wrong = { ROWHOUSE_OPERATOR_EMAIL: DEMO.operator, ROWHOUSE_OPERATOR_PASSWORD: "wrong" };
    const ended = await run(["list"], { env: { ...env, ...wrong } });
    expect(ended.stderr).toMatch(/^401 E-mail or password is wrong\n {2}request req_\w{26}\n$/);
    expect([ended.status, ended.stdout]).toEqual([1, ""]);
  });

  it("is a program that ends with its status", () => {
    expect(asProcess("help")).toMatchObject({ status: 0, stderr: "" });
    const failed = asProcess("show", "nobody");
    expect(failed.stderr).toBe('There is no tenant "nobody".\n');
    expect([failed.status, failed.stdout]).toEqual([1, ""]);
  });

  function asProcess(...args: string[]) {
    return spawnSync(process.execPath, ["scripts/tenants.ts", ...args], {
      cwd: ROOT,
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...env },
      input: "",
    });
  }
});

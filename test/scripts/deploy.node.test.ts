/**
 * `npm run deploy` and `npm run pool`, with the real wrangler, against the stand-in of Cloudflare's API,
 * which runs what it is sent. The steps build on each other: an account's first year.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";
import type { BlockResult } from "../e2e/bash-session.ts";
import { liveVersion, type Script } from "../support/cloudflare/account.ts";
import { visit } from "../support/cloudflare/client.ts";
import {
  boundIn,
  type Deploys,
  deploysTo,
  lostSince,
  OPERATOR,
  type Running,
} from "../support/cloudflare/deploys.ts";
import { NEWEST, type OlderTenants, olderTenants } from "../support/cloudflare/older-tenants.ts";
import { type StandIn, startStandIn } from "../support/cloudflare/stand-in.ts";

const HOST = "rowhouse.example";
const POOL = 3;
const GROWN = 5;
/** wrangler is started ten times and more in a deploy, on whatever machine this is. */
const TIMEOUT_MS = 300_000;

const page = readFileSync(join(ROOT, "docs", "operations.md"), "utf8");
const chapter = /^## The first deploy\n([\s\S]*?)(?=^## )/m.exec(page)?.[1] ?? "";
const rows = (form: RegExp) => [...chapter.matchAll(form)].map(([, ...cells]) => cells as string[]);
const blocks = rows(/^```bash\n([\s\S]*?)^```$/gm).map(([bash = ""]) => bash);
/** What a reader puts into the zone by hand. */
const records = rows(/^\| (A{1,4}) \| `(.+?)` \| `(.+?)` \| yes \|$/gm).map(
  ([type = "", name = "", content = ""]) => ({ type, name, content }),
);

/** The checkout's fleet.toml with a smaller pool, which is made sooner, and some lines of ours. */
function fleet({ vars = "", cells = "" } = {}): string {
  const text = readFileSync(join(ROOT, "fleet.toml"), "utf8")
    .replace(/^pool = \d+$/m, `pool = ${POOL}\nlocation = "weur"`)
    .replace(/^low_water = \d+$/m, "low_water = 1")
    .replace(/^# (location|canary) = /gm, "$1 = ")
    .replace(/^REGISTRATION = .*$/m, vars || "$&");
  return `${text}\n${cells}`;
}

/** The permission of a token that a call needs, as Cloudflare's dashboard calls it. */
function permissionFor(call: string): string {
  if (/^\w+ \/zones\/\w+\/workers\/routes/.test(call)) return "Zone: Workers Routes";
  if (/^\w+ \/zones/.test(call)) return "Zone: Zone";
  const [, part] = /^\w+ \/accounts\/\w+\/(\w+)/.exec(call) ?? [];
  const names = { workers: "Workers Scripts", d1: "D1", queues: "Queues" };
  return `Account: ${names[part as keyof typeof names]}`;
}

/** The secret that the reader made. */
function masterKey(): string {
  const cellOfAll = cloudflare.account.scripts.get("rowhouse-main") as Script;
  const secret = liveVersion(cellOfAll)?.bindings.find(({ name }) => name === "MASTER_KEY");
  return (secret as { text: string }).text;
}

let cloudflare: StandIn;
let deploys: Deploys;
let tenants: OlderTenants;
let before: Map<string, string>;

beforeAll(async () => {
  cloudflare = await startStandIn([HOST], records);
  deploys = deploysTo(cloudflare, HOST, fleet());
  tenants = olderTenants(cloudflare, "rowhouse");
});

beforeEach(() => {
  before = boundIn(cloudflare);
});

// Whatever happens to a deploy: a tenant's database stays bound under its name.
afterEach(() => {
  expect(lostSince(before, cloudflare)).toEqual([]);
});

afterAll(async () => {
  deploys?.forget();
  await cloudflare?.stop();
});

/** Calls from now on that change something, as `POST /queues`. */
function changesFrom(index: number): string[] {
  return cloudflare.calls
    .slice(index)
    .filter((call) => !call.startsWith("GET ") && !call.endsWith("/query"))
    .map((call) => call.replace(/\/accounts\/\w+/, "").replace(/\?.*/, ""));
}

const version = async (host = HOST) =>
  JSON.parse((await visit(cloudflare, host, "/health")).text).version as string;

const cell = (name: string) => deploys.operators.call<unknown>({ path: `/cells/${name}` });

const makeTenant = (slug: string, region?: string) =>
  deploys.operators.call({
    method: "POST",
    path: "/tenants",
    body: {
      company_name: slug,
      slug,
      ...(region && { region }),
      admin_email: `admin@${slug}.example`,
      admin_password: "correct-horse-battery",
      admin_first_name: "Ada",
      admin_last_name: "Admin",
    },
  });

const live = () =>
  [...cloudflare.account.scripts.values()].map((script) => liveVersion(script)?.id);

/** What became of tenants' migrations, in order, from the platform's log. */
async function migrated(after: number): Promise<string[]> {
  const rows = await tenants.control(
    `SELECT action, slug FROM audit_log LEFT JOIN tenants ON tenants.id = target
    WHERE seq > ${after} AND (action LIKE 'tenant.migrat%' OR action LIKE 'migration.%')
    AND action NOT IN ('migration.claimed', 'migration.tenant_begun') ORDER BY seq`,
  );
  return rows.map(({ action, slug }) => (slug ? `${action} ${slug}` : `${action}`));
}

const newestEntry = async () =>
  Number((await tenants.control("SELECT max(seq) AS seq FROM audit_log"))[0]?.seq);

/** Lets a script run up to a change, and kills it there; nobody hears whether the change was made. */
async function interrupt(
  start: () => Running,
  at: RegExp,
  change: "made" | "not made" = "made",
): Promise<void> {
  const reached = cloudflare.cutAt(at, change);
  const running = start();
  const early = running.ended.then(({ output }) => `It ended before:\n${output}`);
  expect(await Promise.race([reached, early])).toMatch(at);
  await running.kill();
  cloudflare.mend();
}

describe("docs/operations.md, followed line by line", { timeout: TIMEOUT_MS }, () => {
  let pasted: BlockResult[];

  it("has commands that a reader pastes", async () => {
    pasted = await deploys.paste(blocks);
    for (const [index, { ok, printed }] of pasted.entries()) {
      expect(ok, `${blocks[index]}\n${printed}`).toBe(true);
    }
    expect(pasted.length).toBeGreaterThan(2);
    const printed = pasted.map((block) => block.printed).join("\n");
    expect(printed).not.toContain(OPERATOR.password);
    expect(printed).not.toContain(masterKey());
  });

  it("rehearses before it changes anything", () => {
    const rehearsed = pasted
      .map(({ printed }) => printed)
      .join("")
      .indexOf("compiles.");
    const [first = "", ...rest] = changesFrom(0);
    expect(rehearsed).toBeGreaterThan(-1);
    expect(first).toBe("POST /d1/database");
    expect(rest.length).toBeGreaterThan(20);
  });

  it("ends with a router, a cell and its pool", async () => {
    const { account } = cloudflare;
    expect([...account.scripts.keys()].sort()).toEqual(["rowhouse", "rowhouse-main"]);
    expect([...boundIn(cloudflare).keys()].sort()).toEqual([
      "rowhouse-main/CONTROL_DB",
      ...[0, 1, 2].map((index) => `rowhouse-main/TENANT_DB_000${index}`),
      "rowhouse/CONTROL_DB",
    ]);
    const found = await cell("main");
    expect(found).toMatchObject({ bound: POOL, claimable: POOL, free: POOL - 1 });
    for (const { name, primary_location_hint: hint, read_replication } of account.databases) {
      expect(hint, name).toBe("weur");
      expect(read_replication.mode, name).toBe(name === "rowhouse-control" ? "disabled" : "auto");
    }
    const routes = account.zones[0]?.routes.map(({ pattern, script }) => `${pattern} ${script}`);
    expect(routes?.sort()).toEqual([`*.${HOST}/* rowhouse`, `${HOST}/* rowhouse`]);
    for (const { subdomain } of account.scripts.values()) {
      expect(subdomain).toEqual({ enabled: false, previews_enabled: false });
    }
  });

  it("ends with a tenant behind its door", async () => {
    expect(await version()).toMatch(/^\d+\.\d+\.\d+/);
    expect(await version(`acme.${HOST}`)).toBe(await version());
  });

  it("names the permissions that the token needs, and no others", () => {
    const named = rows(/^\| ((?:Account|Zone): [^|]+), (edit|read) \|/gm).map(([name]) => name);
    const needed = cloudflare.calls.map(permissionFor);
    expect(new Set(named)).toEqual(new Set(needed));
  });
});

describe("a second deploy", { timeout: TIMEOUT_MS }, () => {
  let begun: number;

  it("makes nothing that is there", async () => {
    await makeTenant("second");
    await tenants.setBack("second");
    await tenants.setBack("acme");
    begun = await newestEntry();
    const databases = cloudflare.account.databases.length;
    const since = cloudflare.calls.length;
    const { status, output } = await deploys.deploy().ended;
    expect(status, output).toBe(0);
    expect(output).toContain("the door of acme: well");
    expect(boundIn(cloudflare)).toEqual(before);
    expect(cloudflare.account.databases).toHaveLength(databases);
    const made = changesFrom(since).filter((call) =>
      /^POST (\/d1\/database|\/queues|\/zones\/\w+\/workers\/routes)$|secrets/.test(call),
    );
    expect(made).toEqual([]);
  });

  it("brings tenants to its schema, the canary first", async () => {
    expect(await migrated(begun)).toEqual([
      "migration.started",
      "tenant.migrated acme",
      "migration.canary_passed",
      "tenant.migrated second",
      "migration.finished",
    ]);
    expect(await tenants.schemas()).toEqual([
      ["acme", NEWEST, NEWEST],
      ["second", NEWEST, NEWEST],
    ]);
  });
});

describe("SQL at one tenant", { timeout: TIMEOUT_MS }, () => {
  it("is run in its database alone, and its log says so", async () => {
    const sql = "UPDATE users SET first_name = 'Augusta'; SELECT first_name FROM users";
    const why = ["--reason", "Ticket 4711"];
    const exec = ["exec", "acme", sql, "--remote", "--env", "production", ...why];
    const { status, output } = await deploys.tenants(...exec).ended;
    expect([status, output]).toEqual([0, "1 rows changed.\n\nfirst_name\nAugusta\n"]);
    const [entry, ...others] = await tenants.ask(
      "acme",
      `SELECT principal, target, data FROM audit_log JOIN audit_private ON audit_id = audit_log.id
      WHERE action = 'sql.executed'`,
    );
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ principal: "job:tenants-cli" });
    expect(JSON.parse(`${entry?.data}`)).toMatchObject({ reason: "Ticket 4711", sql });
    const names = "SELECT first_name FROM users";
    expect(await tenants.ask("acme", names)).toEqual([{ first_name: "Augusta" }]);
    expect(await tenants.ask("second", names)).toEqual([{ first_name: "Ada" }]);
  });
});

describe("a deploy that does not work", { timeout: TIMEOUT_MS }, () => {
  it("is rolled back, and says so", async () => {
    const good = live();
    deploys.write(fleet({ vars: 'REGISTRATION = "sesame"' }));
    const { status, output } = await deploys.deploy().ended;
    expect(status, output).toBe(1);
    expect(output).toMatch(/Rolling rowhouse-main back/);
    expect(live()).toEqual(good);
    expect((await visit(cloudflare, `acme.${HOST}`, "/ready")).status).toBe(200);
    deploys.write(fleet());
  });

  it("is refused before it begins where the operator is not let in", async () => {
    const since = cloudflare.calls.length;
    deploys.set("ROWHOUSE_OPERATOR_PASSWORD", "not-the-right-passphrase");
    const { status, output } = await deploys.deploy().ended;
    deploys.set("ROWHOUSE_OPERATOR_PASSWORD", OPERATOR.password);
    expect(status, output).toBe(1);
    expect(output).toMatch(/Nothing was changed\.\nThe operator of \w+ is refused: 401 /);
    expect(changesFrom(since)).toEqual([]);
  });
});

describe("a pool that grows", { timeout: TIMEOUT_MS }, () => {
  it("is claimable after its smoke test, not before", async () => {
    const grow = () => deploys.pool("grow", String(GROWN), "--cell", "main");
    // The first that is done when the smoke test has passed.
    await interrupt(grow, /^PUT .*\/d1\/database\/[^/]+$/, "not made");
    expect(await cell("main")).toMatchObject({ bound: GROWN, claimable: POOL });
    await makeTenant("third");
    await expect(makeTenant("fourth")).rejects.toMatchObject({ code: "pool-exhausted" });

    const again = await grow().ended;
    expect(again.status, again.output).toBe(0);
    expect(await cell("main")).toMatchObject({ bound: GROWN, claimable: GROWN, free: 2 });
    await makeTenant("fourth");
    const made = cloudflare.account.databases.filter(({ name }) => /-000[34]$/.test(name));
    expect(made.map((each) => each.read_replication.mode)).toEqual(["auto", "auto"]);
    expect(made.map((each) => each.primary_location_hint)).toEqual(["weur", "weur"]);
  });
});

describe("a deploy whose canary cannot be migrated", { timeout: TIMEOUT_MS }, () => {
  it("says so, touches no other tenant, and serves all of them", async () => {
    await tenants.plantObstacle("acme");
    for (const slug of ["second", "third"]) await tenants.setBack(slug);
    const [old, begun] = [live(), await newestEntry()];
    const { status, output } = await deploys.deploy().ended;
    expect(status, output).toBe(1);
    expect(output).toMatch(
      /The canary failed, so no other was touched \(migration_\w+\):\n {2}acme: MigrationRefused\n/,
    );
    expect(output).not.toContain("Rolling");
    for (const version of live()) expect(old).not.toContain(version);
    expect(await migrated(begun)).toEqual([
      "migration.started",
      "tenant.migration_failed acme",
      "migration.halted",
    ]);
    expect(await tenants.schemas()).toEqual([
      ["acme", NEWEST - 1, NEWEST - 1],
      ["second", NEWEST - 1, NEWEST - 1],
      ["third", NEWEST - 1, NEWEST - 1],
      ["fourth", NEWEST, NEWEST],
    ]);
    for (const slug of ["acme", "second", "fourth"]) {
      expect((await visit(cloudflare, `${slug}.${HOST}`, "/ready")).status, slug).toBe(200);
    }
    await tenants.mend("acme");
  });
});

describe("a cell that is added", { timeout: TIMEOUT_MS }, () => {
  let begun: number;

  it("is made whole by the last of three deploys, two of which were cut off", async () => {
    deploys.write(
      fleet({ cells: '[[environments.production.cells]]\nname = "eu"\nregion = "eu"\npool = 2' }),
    );
    deploys.set("MASTER_KEY", masterKey());
    await interrupt(deploys.deploy, /^POST .*\/d1\/database$/);
    expect(await version(`acme.${HOST}`)).toBe(await version());
    await interrupt(deploys.deploy, /^PUT .*\/scripts\/rowhouse-eu\?/);
    expect((await visit(cloudflare, `acme.${HOST}`, "/ready")).status).toBe(200);
    begun = await newestEntry();
    const { status, output } = await deploys.deploy().ended;
    expect(status, output).toBe(0);
    const european = cloudflare.account.databases.filter(({ name }) => name.includes("-eu-"));
    expect(european.map(({ name, jurisdiction }) => [name, jurisdiction])).toEqual([
      ["rowhouse-eu-tenant-0000", "eu"],
      ["rowhouse-eu-tenant-0001", "eu"],
    ]);
    expect(await cell("eu")).toMatchObject({ region: "eu", bound: 2, claimable: 2 });
    await makeTenant("europa", "eu");
    expect(await cell("eu")).toMatchObject({ free: 1 });
    expect(await version(`europa.${HOST}`)).toBe(await version());
  });

  it("has migrated the tenants of the migration that was halted, the canary first", async () => {
    const log = await migrated(begun);
    expect(log.slice(0, 3)).toEqual([
      "migration.started",
      "tenant.migrated acme",
      "migration.canary_passed",
    ]);
    expect(log.slice(3, 5).sort()).toEqual(["tenant.migrated second", "tenant.migrated third"]);
    expect(log[5]).toBe("migration.finished");
    const all = ["acme", "second", "third", "fourth", "europa"];
    expect(await tenants.schemas()).toEqual(all.map((slug) => [slug, NEWEST, NEWEST]));
  });
});

describe("through all of it", () => {
  it("no call was made that Cloudflare's published API does not have", () => {
    expect(cloudflare.unknown).toEqual([]);
    console.log(`${cloudflare.calls.length} calls, all of them known`);
  });
});

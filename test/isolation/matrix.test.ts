/**
 * Every operation of the OpenAPI document x every kind of caller, compared with a table that was
 * written by hand. A new operation needs a row in `golden.ts`, and one in `fixtures.ts` if it names
 * or changes something.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { createApp } from "../../src/app.ts";
import { documentFor } from "../../src/features/reference/document.ts";
import {
  addUser,
  call,
  newOperator,
  PLATFORM_ORIGIN,
  problemOf,
  signIn,
} from "../support/client.ts";
import { type Dump, dumpOf } from "../support/dump.ts";
import { showFigures } from "../support/figures.ts";
import { databaseOfTenant, registryOf } from "../support/worker.ts";
import { FIXTURES, type Scene, sessionOf, type Target } from "./fixtures.ts";
import {
  type Column,
  DOORS,
  type DoorName,
  GOLDEN,
  type GoldenRow,
  operationName,
} from "./golden.ts";
import {
  type Credential,
  damagedCredential,
  foreignCredential,
  type House,
  newHouse,
  ownerCredential,
  type Strangers,
  send,
  settled,
  signatureOf,
  TENANT_ROLES,
} from "./houses.ts";
import { controlOf, isSuccess, observe, stage } from "./observe.ts";

let home: House;
let strangers: Strangers;
beforeAll(async () => {
  home = await newHouse();
  strangers = { neighbour: await newHouse(), operator: await newOperator() };
});

describe("the golden table", () => {
  it("has a row for each operation, and each row is an operation", () => {
    const { openAPIRegistry } = createApp();
    const document = documentFor(openAPIRegistry, "all", "test");
    expect(rowNames()).toEqual(operationsOf(document).sort());
  });

  it.each(DOORS)(
    "serves what the document of the %s door lists, and nothing else",
    async (door) => {
      const origin = door === "tenant" ? home.tenant.origin : PLATFORM_ORIGIN;
      const { json } = await call("GET", `${origin}/openapi.json`);
      const served = GOLDEN.filter(({ cells }) => Object.values(cells[door]).some(isSuccess));
      expect(served.map(({ operation }) => operation).sort()).toEqual(operationsOf(json).sort());
      for (const { operation, cells } of GOLDEN) {
        const statuses = Object.values(cells[door]);
        if (!statuses.some(isSuccess)) expect(new Set(statuses), operation).toEqual(new Set([404]));
      }
    },
  );

  it("knows of each operation whether it names something", () => {
    const named = GOLDEN.filter(({ cells }) => cells.tenant.nobody !== undefined);
    const aimed = Object.keys(FIXTURES).filter((operation) => FIXTURES[operation]?.nowhere);
    expect(named.map(({ operation }) => operation).sort()).toEqual(aimed.sort());
    expect(rowNames()).toEqual(expect.arrayContaining(Object.keys(FIXTURES)));
    const withId = GOLDEN.filter(({ operation }) => operation.includes("{"));
    expect(withId.filter(({ cells }) => cells.tenant.ids === undefined)).toEqual([]);
  });
});

describe("each caller gets what the table says, and each refusal has its control", () => {
  it.each(GOLDEN)("$operation", async (row) => {
    expect(await observe(row, home, strangers)).toEqual(row.cells);
  });

  it("keeps a colleague's sessions from everybody else, admins too", async () => {
    const colleague = await addUser(home.tenant, "user");
    const id = sessionOf((await signIn(home.tenant.api, colleague.email)).token);
    const end = (token: string) =>
      call("DELETE", `${home.tenant.api}/auth/sessions/${id}`, { token });
    for (const role of TENANT_ROLES) {
      const reply = await end(home.staff[role].token);
      expect(problemOf(reply)).toBe("not-found");
    }
    expect((await end(colleague.token)).status).toBe(204);
  });

  it("a token is no signature, whoever's it is", async () => {
    const rows = GOLDEN.filter(({ operation }) => operation.includes("{service}"));
    const tokens = [
      ...TENANT_ROLES.map((role) => home.staff[role].token),
      strangers.operator.token,
    ];
    let refused = 0;
    for (const row of rows) {
      const { target } = await stage(row, home);
      for (const token of target.webhook ? tokens : []) {
        const reply = await send(row.operation, "tenant", home, target, { token });
        expect(problemOf(reply)).toBe("invalid-signature");
        refused += 1;
      }
    }
    expect(refused).toBe(2 * tokens.length);
  });
});

/** Something in B that somebody there may do. */
interface Aim {
  readonly row: GoldenRow;
  readonly scene: Scene;
  readonly target: Target;
}

describe("a neighbour", () => {
  it("stays as it was, byte for byte, whatever A, operators and nobodies send", async ({
    task,
  }) => {
    const shared = await newHouse();
    const aims: Aim[] = [];
    for (const row of GOLDEN) {
      const b = FIXTURES[row.operation]?.closes ? await newHouse() : shared;
      aims.push({ row, ...(await stage(row, b)) });
    }
    const houses = [...new Set(aims.map(({ scene }) => scene.house))];
    for (const house of houses) await settled(house.tenant);
    const before = await dumpsOf(houses);
    let refused = 0;
    const [unsigned, others] = [aims.filter(asksForSignature), aims.filter(hasToken)];
    for (const aim of others) refused += await attack(aim);
    expect(await dumpsOf(houses)).toEqual(before);

    // Who turns a delivery away counts it, and nothing else of it is kept.
    for (const aim of unsigned) refused += await attack(aim);
    const after = await dumpsOf(houses);
    expect(after.map(withoutCounts)).toEqual(before.map(withoutCounts));
    const turnedAway = unsigned.length * (["none", "broken"].length + TENANT_ROLES.length);
    for (const table of ["webhook_rejections", "audit_sums"]) {
      expect(countIn(after, table) - countIn(before, table), table).toBe(turnedAway);
    }
    for (const action of newActions(before, after)) expect(action).toBe("webhook.rejected");
    const rows = before.flatMap(({ tables }) => Object.values(tables)).flat().length;
    showFigures(
      task,
      `${GOLDEN.length} operations, ${cellCount()} cells; against B ${refused} refused, ` +
        `${houses.length} databases with ${rows} rows unchanged ` +
        `(but for the count of ${turnedAway} deliveries turned away)`,
    );
    expect(refused).toBeGreaterThan(GOLDEN.length * 5);

    // And each of these requests does something when its owner sends it.
    for (const { row, scene, target } of aims) {
      const { door } = controlOf(row);
      const right = await ownerCredential(scene, target);
      const reply = await send(row.operation, door, scene.house, target, right);
      expect(isSuccess(reply.status), `${row.operation}: ${reply.text}`).toBe(true);
    }
    expect(await dumpsOf(houses)).not.toEqual(after);
  });
});

/** All that A, an operator and a nobody can do with what is B's. Returns how much was refused. */
async function attack({ row, scene, target }: Aim): Promise<number> {
  let refused = 0;
  const attempt = async (
    door: DoorName,
    house: House,
    shown: Credential,
    expected: number | undefined,
  ) => {
    // At B's door a success is open to everybody; at A's it is about A's own.
    if (expected === undefined || (isSuccess(expected) && house !== home)) return;
    const reply = await send(row.operation, door, house, target, shown);
    expect(reply.status, `${row.operation} on the ${door} door: ${reply.text}`).toBe(expected);
    if (!isSuccess(expected)) refused += 1;
  };
  const b = scene.house;
  const { tenant, platform } = row.cells as Record<DoorName, Partial<Record<Column, number>>>;
  for (const role of TENANT_ROLES) {
    const { token } = home.staff[role];
    const signature = { headers: await signatureOf(target) };
    // On A's own door, with what is B's: refused for the role, or because it is not there.
    const own = isSuccess(tenant[role]) ? tenant.ids : tenant[role];
    const withIds = { token, ...signature };
    await attempt("tenant", home, withIds, tenant.ids === undefined ? undefined : own);
    for (const door of DOORS) {
      const foreign = await foreignCredential(home, home.staff[role], target);
      await attempt(door, b, foreign, row.cells[door].foreign);
    }
  }
  const operator = { token: strangers.operator.token };
  await attempt("tenant", b, operator, tenant.operator);
  await attempt("platform", b, operator, platform.ids);
  const damaged = await damagedCredential(scene.owner, target);
  for (const door of DOORS) {
    await attempt(door, b, {}, row.cells[door].none);
    await attempt(door, b, damaged, row.cells[door].broken);
  }
  return refused;
}

const asksForSignature = ({ target }: Aim) => target.webhook !== undefined;
const hasToken = (aim: Aim) => !asksForSignature(aim);

interface HouseDump {
  readonly tables: Dump;
  readonly registry: unknown;
}

/** Where it is counted what was turned away. */
const COUNTS = [
  "audit_log",
  "audit_private",
  "audit_sums",
  "commit_marks",
  "sqlite_sequence",
  "webhook_rejections",
];

function withoutCounts({ tables, registry }: HouseDump): HouseDump {
  const others = Object.entries(tables).filter(([table]) => !COUNTS.includes(table));
  return { tables: Object.fromEntries(others), registry };
}

function countIn(dumps: readonly HouseDump[], table: string): number {
  const counts = rowsOf(dumps, table).map((row) => JSON.parse(row).count as number);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** What the audit log tells that it did not tell before; nothing may be gone from it. */
function newActions(before: readonly HouseDump[], after: readonly HouseDump[]): string[] {
  const [old, now] = [rowsOf(before, "audit_log"), rowsOf(after, "audit_log")];
  expect(now).toEqual(expect.arrayContaining(old));
  const added = now.filter((row) => !old.includes(row));
  return added.map((row) => JSON.parse(row).action);
}

function rowsOf(dumps: readonly HouseDump[], table: string): string[] {
  return dumps.flatMap(({ tables }) => tables[table] ?? []);
}

async function dumpsOf(houses: readonly House[]): Promise<HouseDump[]> {
  return Promise.all(
    houses.map(async ({ tenant }) => ({
      tables: await dumpOf(await databaseOfTenant(tenant.slug)),
      registry: await registryOf(tenant.slug),
    })),
  );
}

function operationsOf(document: { paths?: object }): string[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.keys(item).map((method) => operationName(method, path)),
  );
}

function rowNames(): string[] {
  return GOLDEN.map(({ operation }) => operation).sort();
}

function cellCount(): number {
  return GOLDEN.flatMap(({ cells }) => DOORS.flatMap((door) => Object.keys(cells[door]))).length;
}

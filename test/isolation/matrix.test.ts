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
import { broken, type House, newHouse, type Strangers, send, TENANT_ROLES } from "./houses.ts";
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
    const before = await dumpsOf(houses);
    let refused = 0;
    for (const aim of aims) refused += await attack(aim);
    expect(await dumpsOf(houses)).toEqual(before);
    const rows = before.flatMap(({ tables }) => Object.values(tables)).flat().length;
    showFigures(
      task,
      `${GOLDEN.length} operations, ${cellCount()} cells; against B ${refused} refused, ` +
        `${houses.length} databases with ${rows} rows unchanged`,
    );
    expect(refused).toBeGreaterThan(GOLDEN.length * 5);

    // And each of these requests does something when its owner sends it.
    for (const { row, scene, target } of aims) {
      const { door } = controlOf(row);
      const reply = await send(row.operation, door, scene.house, target, scene.owner.token);
      expect(isSuccess(reply.status), `${row.operation}: ${reply.text}`).toBe(true);
    }
    expect(await dumpsOf(houses)).not.toEqual(before);
  });
});

/** All that A, an operator and a nobody can do with what is B's. Returns how much was refused. */
async function attack({ row, scene, target }: Aim): Promise<number> {
  let refused = 0;
  const attempt = async (
    door: DoorName,
    house: House,
    token: string | undefined,
    expected: number | undefined,
  ) => {
    // A success is either open to everybody or about A's own.
    if (expected === undefined || isSuccess(expected)) return;
    const reply = await send(row.operation, door, house, target, token);
    expect(reply.status, `${row.operation} on the ${door} door: ${reply.text}`).toBe(expected);
    refused += 1;
  };
  const b = scene.house;
  const { tenant, platform } = row.cells as Record<DoorName, Partial<Record<Column, number>>>;
  for (const role of TENANT_ROLES) {
    const { token } = home.staff[role];
    // On A's own door, with what is B's: refused for the role, or because it is not there.
    const own = isSuccess(tenant[role]) ? tenant.ids : tenant[role];
    await attempt("tenant", home, token, tenant.ids === undefined ? undefined : own);
    await attempt("tenant", b, token, tenant.foreign);
    await attempt("platform", b, token, platform.foreign);
  }
  await attempt("tenant", b, strangers.operator.token, tenant.operator);
  await attempt("platform", b, strangers.operator.token, platform.ids);
  for (const door of DOORS) {
    await attempt(door, b, undefined, row.cells[door].none);
    await attempt(door, b, broken(scene.owner.token), row.cells[door].broken);
  }
  return refused;
}

async function dumpsOf(houses: readonly House[]): Promise<{ tables: Dump; registry: unknown }[]> {
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

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Plan } from "../../scripts/lib/deploy/plan.ts";
import { carryOut } from "../../scripts/lib/deploy/run.ts";
import type { Tools } from "../../scripts/lib/deploy/tools.ts";
import {
  type OperatorsSite,
  type PlannedAnswer,
  startOperatorsSite,
} from "../support/operators-site.node.ts";

let house: OperatorsSite | undefined;
let directory: string;
let ran: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rowhouse-"));
  ran = [];
});
afterEach(async () => {
  rmSync(directory, { recursive: true, force: true });
  await house?.stop();
});

const SIGN_IN = "POST /api/v1/auth/login";
const LOOK = "GET /api/v1/cells?limit=1";
const problem = (status: number, title: string) => ({ status, body: { title } });

/** Begins a deploy at a house that answers so. wrangler only notes that it was started, and fails. */
async function deploy(
  answers: Record<string, readonly PlannedAnswer[]>,
  more: Partial<Plan> = {},
): Promise<void> {
  house = await startOperatorsSite(answers);
  const environment = { base: "house", base_url: "https://rowhouse.example" };
  const file = join(directory, "house-main.jsonc");
  const home = { name: "house-main", file, config: {} };
  const plan = { environment, home, cells: [], newQueues: [], newDatabases: [], refusals: [] };
  const wrangler = async ([command = ""]: readonly string[]) => {
    ran.push(command);
    throw new Error("wrangler was reached");
  };
  const tools = { wrangler, say: () => {} } as unknown as Tools;
  await carryOut({ ...plan, ...more } as unknown as Plan, house.site, tools);
}

describe("an operator who is not let in", () => {
  it.each([
    ["with a wrong password", SIGN_IN, problem(401, "Invalid credentials")],
    ["after too many of them", SIGN_IN, problem(429, "Account locked")],
    ["without the permission", LOOK, problem(403, "Forbidden")],
  ])("%s stops a deploy before anything is changed", async (_, call, answer) => {
    await expect(deploy({ [call]: [answer] })).rejects.toThrow(
      `Nothing was changed.\nThe operator of ROWHOUSE_OPERATOR_EMAIL is refused: ${answer.status} ${answer.body.title}`,
    );
    expect(ran).toEqual([]);
    expect(house?.calls.filter((each) => each === SIGN_IN)).toHaveLength(1);
  });
});

describe("a deploy goes on", () => {
  it("after one look as the operator", async () => {
    const look = { [LOOK]: [{ status: 200, body: { data: [], next_cursor: null } }] };
    await expect(deploy(look)).rejects.toThrow("wrangler was reached");
    expect(house?.calls).toEqual([SIGN_IN, LOOK]);
    expect(ran).toEqual(["d1"]);
  });

  it("where the site is unwell, since it may be what mends it", async () => {
    await expect(deploy({ [SIGN_IN]: [problem(500, "Internal error")] })).rejects.toThrow(
      "wrangler was reached",
    );
  });

  it("where there is no operator yet, without asking", async () => {
    await expect(deploy({}, { newOperator: true })).rejects.toThrow("wrangler was reached");
    expect(house?.calls).toEqual([]);
  });
});

/** Plays one row of the golden table against the Worker and tells what it saw. */
import { expect } from "vitest";
import { PLATFORM_ORIGIN, problemOf, type Reply } from "../support/client.ts";
import { FIXTURES, type Scene, type Target } from "./fixtures.ts";
import { COLUMNS, type Column, DOORS, type DoorName, type GoldenRow } from "./golden.ts";
import {
  credentialOf,
  freshCaller,
  type House,
  newHouse,
  ownerCredential,
  type Strangers,
  send,
} from "./houses.ts";

type Cells = Partial<Record<Column, number>>;

/** Problems that each refusal of the matrix may be. */
const REFUSALS: Readonly<Record<number, readonly string[]>> = {
  401: ["unauthenticated", "invalid-credentials", "invalid-refresh-token"],
  403: ["permission-denied"],
  404: ["not-found"],
  // Only a cell itself can tell whether it is there.
  421: ["misdirected"],
  // Where a body names what is not there.
  422: ["validation-failed"],
};
/** And where a signature is asked for. */
const UNSIGNED: typeof REFUSALS = { 401: ["invalid-signature"], 404: ["not-found"] };
/** And where a ticket is. */
const TICKETLESS: typeof REFUSALS = { 401: ["invalid-ticket"], 404: ["not-found"] };

/** 101: the stream is open. */
export const isSuccess = (status: number | undefined) =>
  status !== undefined && (status === 101 || (status >= 200 && status < 300));

/** Who may do the operation, and at which door: the control of every refusal. */
export function controlOf(row: GoldenRow): { door: DoorName; column: Column } {
  if (isSuccess(row.cells.tenant.admin)) return { door: "tenant", column: "admin" };
  if (isSuccess(row.cells.platform.operator)) return { door: "platform", column: "operator" };
  throw new Error(`Nobody may do ${row.operation}: no refusal of it means anything.`);
}

/** The scene in which somebody new may do the operation, and a new target in it. */
export async function stage(
  row: GoldenRow,
  house: House,
  { door, column } = controlOf(row),
): Promise<{ scene: Scene; target: Target }> {
  const api = door === "tenant" ? house.tenant.api : `${PLATFORM_ORIGIN}/api/v1`;
  const scene = { house, api, owner: await freshCaller(column, door, house) };
  return { scene, target: (await FIXTURES[row.operation]?.target?.(scene)) ?? {} };
}

/** The statuses of one row. Refusals come before the success that proves them. */
export async function observe(
  row: GoldenRow,
  home: House,
  strangers: Strangers,
): Promise<GoldenRow["cells"]> {
  const seen = { tenant: {}, platform: {} };
  for (const door of DOORS) {
    const house = FIXTURES[row.operation]?.closes ? await newHouse() : home;
    Object.assign(seen[door], await observeForeign(row, door, house, strangers));
    Object.assign(seen[door], await observeDoor(row, door, house, strangers));
  }
  return seen;
}

/**
 * All refused callers try one and the same target, one after the other; then who may does it, with
 * the very same request but for the token (and the door, where this one does not serve it).
 */
async function observeDoor(
  row: GoldenRow,
  door: DoorName,
  house: House,
  strangers: Strangers,
): Promise<Cells> {
  const { operation } = row;
  const golden: Cells = row.cells[door];
  const control = isSuccess(golden[doorControl(door)])
    ? { door, column: doorControl(door) }
    : controlOf(row);
  const { scene, target } = await stage(row, house, control);
  const seen: Cells = {};
  const callers = COLUMNS[door].filter((column) => column !== "ids" && column !== "nobody");
  for (const column of callers.filter((name) => !isSuccess(golden[name]))) {
    const shown = await credentialOf(column, door, scene.owner, house, strangers, target);
    const reply = await send(operation, door, house, target, shown);
    seen[column] = reply.status;
    expectRefusal(reply, target);
    expect({ [column]: reply.status }, operation).toEqual({ [column]: golden[column] });
  }
  const right = await ownerCredential(scene, target);
  const proof = await send(operation, control.door, house, target, right);
  expect(isSuccess(proof.status), `control of ${operation}: ${proof.text}`).toBe(true);
  if (control.door === door) seen[control.column] = proof.status;
  for (const column of callers.filter((name) => isSuccess(golden[name]))) {
    if (column === control.column && door === control.door) continue;
    const own = await stage(row, house, { door, column });
    const isStaff = column in house.staff;
    const shown = isStaff
      ? await ownerCredential(own.scene, own.target)
      : await credentialOf(column, door, own.scene.owner, house, strangers, own.target);
    seen[column] = (await send(operation, door, house, own.target, shown)).status;
  }
  return seen;
}

/** What is another's must look exactly like what is nobody's. */
async function observeForeign(
  row: GoldenRow,
  door: DoorName,
  house: House,
  strangers: Strangers,
): Promise<Cells> {
  const fixture = FIXTURES[row.operation];
  const golden: Cells = row.cells[door];
  if (!fixture?.nowhere) return {};
  const aim = async (column: "ids" | "nobody", target: Target) => {
    const { admin } = house.staff;
    const shown = await credentialOf(column, door, admin, house, strangers, target);
    const reply = await send(row.operation, door, house, target, shown);
    expectRefusal(reply, target);
    return { status: reply.status, answer: neutral(reply, target) };
  };
  const nobody = await aim("nobody", fixture.nowhere());
  if (golden.ids === undefined) return { nobody: nobody.status };
  const { target } = await stage(row, door === "tenant" ? strangers.neighbour : house);
  const ids = await aim("ids", target);
  expect(ids.answer, `${row.operation}: another's and nobody's`).toEqual(nobody.answer);
  return { ids: ids.status, nobody: nobody.status };
}

function doorControl(door: DoorName): Column {
  return door === "tenant" ? "admin" : "operator";
}

function expectRefusal(reply: Reply, { webhook, stream }: Target): void {
  if (isSuccess(reply.status)) return;
  const problems = webhook ? UNSIGNED : stream ? TICKETLESS : REFUSALS;
  expect(problems[reply.status], reply.text).toContain(problemOf(reply));
}

/** An answer without what differs from request to request, and without what was asked for. */
function neutral(reply: Reply, target: Target = {}) {
  const sent = [...Object.values(target.params ?? {}), ...Object.values(target.query ?? {})];
  const headers = Object.fromEntries(reply.headers);
  for (const name of ["x-request-id", "x-d1-bookmark", "date", "ratelimit"]) delete headers[name];
  let text = reply.text.replace(/"request_id":"[^"]*"/, '"request_id":"?"');
  for (const value of sent) text = text.replaceAll(value, "?");
  return { status: reply.status, headers, text };
}

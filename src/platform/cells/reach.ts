import { inTime } from "../in-time.ts";
import { faultKind } from "../jobs/fault-kind.ts";
import { Failure } from "../problems.ts";
import type { TenantRoute } from "../tenancy/index.ts";
import { cellBinding } from "./binding.ts";
import type { CellDoor } from "./cell-door.ts";
import type { RouterBindings } from "./router-env.ts";

/** How long a cell may take to open a door, in ms: one that starts with thousands of databases is slow. */
const DOOR_MS = 5_000;
/** A cell that has not opened one is asked by one request in so long, in ms; all others hear so at once. */
const REST_MS = 500;

/** Cells that did not open their doors of late, and when each may be asked again. */
const resting = new Map<string, number>();

/**
 * Asks a cell for a door. Nothing has been done when that fails, so another cell may be asked.
 * @param route the tenant behind the door; null: the platform's
 * @param isOnlyOne whether no other cell can answer, so that this one is asked though it rests
 * @throws Failure `not-ready`
 */
export async function openDoorOf(
  env: RouterBindings,
  cell: string,
  route: TenantRoute | null,
  isOnlyOne = false,
): Promise<Pick<Fetcher, "fetch">> {
  const binding = env[cellBinding(cell)] as CellDoor | undefined;
  if (!binding) throw silent(cell, "is not bound");
  const restsUntil = resting.get(cell);
  if (!isOnlyOne && restsUntil !== undefined && Date.now() < restsUntil)
    throw silent(cell, "rests");
  // Set before asking, so that one asks. Should that request be cut off, another asks soon.
  if (restsUntil !== undefined) rest(cell);
  try {
    const late = () => new Error(`No door within ${DOOR_MS} ms.`);
    const door = await inTime(Promise.resolve(binding.door(route)), DOOR_MS, late);
    resting.delete(cell);
    return door;
  } catch (error) {
    rest(cell);
    throw silent(cell, faultKind(error));
  }
}

function rest(cell: string): void {
  resting.set(cell, Date.now() + REST_MS);
}

/** What a cell says of its faults may name what is a tenant's: the log gets no more than their kind. */
export function silent(cell: string, why: string): Failure {
  return new Failure("not-ready", `The cell ${cell} does not answer.`, {
    cause: new Error(`Cell ${cell}: ${why}`),
  });
}

import type { Ctx } from "../context.ts";
import { Failure } from "../problems.ts";

/**
 * Header of a `misdirected` answer: the name of the cell that has to be asked. The router reads it. In a
 * `not-found`, of a cell that only itself can make known.
 */
export const CELL_HEADER = "rowhouse-cell";

/**
 * Databases are bound to one cell. What has to be done at the tenant's is done by that cell: the router
 * hands the request on to it (421, RFC 9110, section 15.5.20).
 * @throws Failure `misdirected`
 */
export function requireCell({ settings }: Pick<Ctx, "settings">, cell: string): void {
  if (cell === settings.CELL) return;
  throw new Failure("misdirected", `The cell ${cell} has to answer this.`, {
    headers: { [CELL_HEADER]: cell },
  });
}

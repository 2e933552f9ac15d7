import type { z } from "zod";
import type { PlatformCtx, SignedIn } from "../../platform/context.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import {
  boundHere,
  type Cell,
  commit,
  requireCell,
  tryDatabases,
  type Unfit,
} from "../../platform/tenancy/index.ts";
import {
  claimedAmong,
  type DatabaseRow,
  lastClaimed,
  listDatabases,
  requireLastClaimed,
  updateCell,
} from "./cells.repository.ts";
import type { TenantDatabaseQuery } from "./cells.schemas.ts";
import { get } from "./cells.service.ts";

/** Databases that one call tries at most: a second's work or two. */
export const TRIED_AT_ONCE = 200;

/** A cell of whose pool more, or less, may be claimed. */
export interface Tried {
  readonly cell: Cell;
  /** The database at which the count has stopped. */
  readonly unfit: Unfit | null;
}

/**
 * Makes the first `claimable` databases of this cell's pool claimable, by name, once each that nobody has
 * claimed yet was tried. It stops at the first that is unfit, and after {@link TRIED_AT_ONCE}: what could
 * be reached stands in the answer, and the caller goes on from there. Less than before takes back what
 * nobody has claimed.
 * @throws Failure `not-found` for a cell that is not known; `misdirected` for another cell;
 * `validation-failed` for more than are bound, or less than are claimed; `conflict`
 */
export async function makeClaimable(
  ctx: SignedIn<PlatformCtx>,
  name: string,
  claimable: number,
): Promise<Tried> {
  const before = await get(ctx, name);
  requireCell(ctx, name);
  if (before.version === 0) {
    throw new Failure("not-found", `The cell ${name} is not known yet: put it first.`);
  }
  const bound = boundHere(ctx);
  if (claimable > bound.length) refuse(`must be at most ${bound.length}: so many are bound`);
  const last = await lastClaimed(ctx.db, name);
  const least = bound.filter((binding) => binding <= last).length;
  if (claimable < least) refuse(`must be at least ${least}: a tenant has the last of them`);
  const fresh = bound.slice(before.claimable, claimable);
  const { fit, unfit } = await tryFresh(ctx, name, fresh);
  const next = {
    bound: bound.length,
    claimable: Math.min(claimable, before.claimable + fit),
    updatedAt: new Date(),
    version: before.version + 1,
  };
  const details = { old: before.claimable, asked: claimable, new: next.claimable, unfit };
  return commit(
    ctx,
    [
      updateCell(before, next, "conflict"),
      ...(claimable < before.claimable ? [requireLastClaimed(name, last)] : []),
    ],
    [{ action: "cell.databases_tried", target: name, details }],
    { cell: { ...before, ...next }, unfit },
  );
}

/** @returns how many of these follow one another that are claimed or fit, and what comes after them */
async function tryFresh(ctx: PlatformCtx, cell: string, fresh: readonly string[]) {
  const claimed = await claimedAmong(ctx.db, cell, fresh);
  const free = fresh.filter((binding) => !claimed.has(binding));
  const unfit = await tryDatabases(ctx, free.slice(0, TRIED_AT_ONCE));
  const end = unfit?.binding ?? free[TRIED_AT_ONCE];
  return { fit: end === undefined ? fresh.length : fresh.indexOf(end), unfit };
}

function refuse(message: string): never {
  throw new Failure("validation-failed", "Some values are not valid.", {
    errors: [{ pointer: "/claimable", message }],
  });
}

/** Databases that were ever claimed. */
export function listClaimed(
  ctx: PlatformCtx,
  { limit, cursor, ...filters }: z.output<typeof TenantDatabaseQuery>,
): Promise<Page<DatabaseRow>> {
  return paginate(
    ctx,
    { list: "databases", filters, limit, cursor },
    (after, count) => listDatabases(ctx.db, filters, after, count),
    ({ cell, binding }) => [cell, binding],
  );
}

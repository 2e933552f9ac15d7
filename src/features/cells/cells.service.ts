import type { z } from "zod";
import type { PlatformCtx, SignedIn } from "../../platform/context.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { Failure } from "../../platform/problems.ts";
import type { Region } from "../../platform/regions.ts";
import {
  boundHere,
  CELL_HEADER,
  type Cell,
  commit,
  readCells,
  requireCell,
} from "../../platform/tenancy/index.ts";
import {
  type Changes,
  insertCell,
  lastClaimed,
  requireLastClaimed,
  updateCell,
} from "./cells.repository.ts";
import type { CellChanges, CellQuery } from "./cells.schemas.ts";

/** Cells, by name. There are few. */
export function list(ctx: PlatformCtx, query: z.output<typeof CellQuery>): Promise<Page<Cell>> {
  const { limit, cursor } = query;
  return paginate(
    ctx,
    { list: "cells", filters: {}, limit, cursor },
    async (after, count) => {
      const all = await readCells(ctx);
      return all.filter(({ name }) => !after || name > String(after[0])).slice(0, count);
    },
    ({ name }) => [name],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: PlatformCtx, name: string): Promise<Cell> {
  const cell = (await readCells(ctx)).find((each) => each.name === name);
  if (!cell) throw new Failure("not-found");
  return cell;
}

/** A cell as it was put. */
export interface Put {
  readonly cell: Cell;
  /** Whether it was not known before. */
  readonly isNew: boolean;
  /** The version that it runs, by its own word; null where another cell has closed it. */
  readonly runs: string | null;
}

/**
 * Makes this cell known, or changes what is known of it. Where its data is kept is the deployment's to
 * say; naming another region is a mistake that must not go unnoticed.
 * @throws Failure `misdirected` for another cell that is not just closed, `not-found` for one that nobody knows yet;
 * `validation-failed` for another region than its own; `precondition-failed`, `conflict`
 */
export async function put(
  ctx: SignedIn<PlatformCtx>,
  name: string,
  changes: z.output<typeof CellChanges>,
  ifMatch: IfMatch,
): Promise<Put> {
  const before = (await readCells(ctx)).find((each) => each.name === name);
  if (!before) throw unknown(name);
  const isOther = name !== ctx.settings.CELL;
  if (isOther && isOnlyClosed(before, changes)) return close(ctx, before, ifMatch);
  requireCell(ctx, name);
  requireVersion(ifMatch, before.version);
  const region = ctx.settings.REGION ?? null;
  requireRegion(before, region, changes.region);
  const isNew = before.version === 0;
  const next = {
    region,
    open: changes.open ?? (isNew || before.open),
    bound: boundHere(ctx).length,
    updatedAt: new Date(),
    version: before.version + 1,
  };
  return isNew ? makeKnown(ctx, { ...before, ...next }) : change(ctx, before, next, ifMatch);
}

function isOnlyClosed({ version }: Cell, { open, region }: z.output<typeof CellChanges>): boolean {
  return version > 0 && open === false && region === undefined;
}

/** Any cell may do this: one that is down could not close itself, and new tenants would be sent there. */
function close(ctx: SignedIn<PlatformCtx>, before: Cell, ifMatch: IfMatch): Promise<Put> {
  requireVersion(ifMatch, before.version);
  const { region, bound, version } = before;
  const next = { region, open: false, bound, updatedAt: new Date(), version: version + 1 };
  return change(ctx, before, next, ifMatch);
}

/** A new cell is known to itself alone, and perhaps to the router: it asks there before it believes this. */
function unknown(name: string): Failure {
  return new Failure("not-found", `No cell ${name} is known.`, {
    headers: { [CELL_HEADER]: name },
  });
}

/** Of a new cell nothing may be claimed that was not claimed before: its databases are to be tried. */
async function makeKnown(ctx: SignedIn<PlatformCtx>, seen: Cell): Promise<Put> {
  const { name, region, open } = seen;
  const last = await lastClaimed(ctx.db, name);
  const cell = { ...seen, claimable: boundHere(ctx).filter((binding) => binding <= last).length };
  return commit(
    ctx,
    [insertCell(cell), requireLastClaimed(name, last)],
    [{ action: "cell.created", target: name, details: { new: { region, open } } }],
    { cell, isNew: true, runs: ctx.settings.VERSION },
  );
}

async function change(
  ctx: SignedIn<PlatformCtx>,
  before: Cell,
  next: Changes & Pick<Cell, "region" | "open">,
  ifMatch: IfMatch,
): Promise<Put> {
  const { CELL, VERSION } = ctx.settings;
  const { name, region, open } = before;
  const details = { old: { region, open }, new: { region: next.region, open: next.open } };
  return commit(
    ctx,
    [updateCell(before, next, lostRace(ifMatch))],
    [{ action: "cell.updated", target: name, details }],
    { cell: { ...before, ...next }, isNew: false, runs: name === CELL ? VERSION : null },
  );
}

/** @throws Failure `validation-failed` */
function requireRegion(before: Cell, own: Region | null, asked: Region | null | undefined): void {
  const tenants = before.claimed + before.retired;
  const refuse = (message: string) => {
    throw new Failure("validation-failed", "Some values are not valid.", {
      errors: [{ pointer: "/region", message }],
    });
  };
  if (asked !== undefined && asked !== own) refuse(`must be ${own}, as the cell's setting REGION`);
  if (before.region !== own && before.version > 0 && tenants > 0) {
    refuse(`must stay ${before.region}, where the data of the cell's ${tenants} tenants is`);
  }
}

import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import {
  type ActorFilters,
  type ActorRow,
  deleteActor,
  findActor,
  insertActor,
  listActors,
  requireUnused,
  updateActor,
} from "./actors.repository.ts";

/** What callers may set. */
type ActorInput = Pick<ActorRow, "type" | "name" | "active">;

export function list(
  ctx: TenantCtx,
  query: ActorFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<ActorRow>> {
  const { limit, cursor, ...filters } = query;
  return paginate(
    ctx,
    { list: "actors", filters, limit, cursor },
    (after, count) => listActors(ctx.db, filters, after, count),
    (row) => [row.id],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: TenantCtx, id: string, from?: "primary"): Promise<ActorRow> {
  const actor = await findActor(ctx.db, id, from);
  if (!actor) throw new Failure("not-found");
  return actor;
}

export function create(ctx: TenantCtx, { type, name, active }: ActorInput): Promise<ActorRow> {
  const now = new Date();
  const id = newId("actor");
  const row = { id, type, name, active, createdAt: now, updatedAt: now, version: 1 };
  return commit(
    ctx,
    [insertActor(row)],
    [{ action: "actor.created", target: id, details: { new: describe(row) } }],
    row,
  );
}

/** @throws Failure `not-found`, `precondition-failed`, `conflict` */
export async function update(
  ctx: TenantCtx,
  id: string,
  changes: { readonly [K in keyof ActorInput]?: ActorInput[K] | undefined },
  ifMatch: IfMatch,
): Promise<ActorRow> {
  const before = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  const next = {
    type: changes.type ?? before.type,
    name: changes.name ?? before.name,
    active: changes.active ?? before.active,
    updatedAt: new Date(),
    version: before.version + 1,
  };
  return commit(
    ctx,
    [updateActor(id, before.version, next, lostRace(ifMatch))],
    [
      {
        action: "actor.updated",
        target: id,
        details: { old: describe(before), new: describe(next) },
      },
    ],
    { ...before, ...next },
  );
}

/**
 * Removes an actor that no event names; any other can be made inactive.
 * @throws Failure `not-found`, `precondition-failed`, `conflict`, `actor-in-use`
 */
export async function remove(ctx: TenantCtx, id: string, ifMatch: IfMatch): Promise<void> {
  const before = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  await commit(
    ctx,
    [requireUnused(id), deleteActor(id, before.version, lostRace(ifMatch))],
    [{ action: "actor.deleted", target: id, details: { old: describe(before) } }],
  );
}

/** What an audit row tells of an actor. */
function describe({ type, name, active }: ActorInput) {
  return { type, name, active };
}

import type { z } from "zod";
import { type Cell as CellRow, freeIn } from "../../platform/tenancy/index.ts";
import type { DatabaseRow } from "./cells.repository.ts";
import type { Cell, PutCell, TenantDatabasePage } from "./cells.schemas.ts";
import type { Put } from "./cells.service.ts";

export function presentCell(cell: CellRow): z.input<typeof Cell> {
  return {
    name: cell.name,
    region: cell.region,
    open: cell.open,
    bound: cell.bound,
    claimable: cell.claimable,
    claimed: cell.claimed,
    retired: cell.retired,
    free: freeIn(cell),
    updated_at: cell.updatedAt?.toISOString() ?? null,
  };
}

export function presentPut({ cell, runs }: Put): z.input<typeof PutCell> {
  return { ...presentCell(cell), version: runs };
}

export function presentDatabase(
  row: DatabaseRow,
): z.input<typeof TenantDatabasePage>["data"][number] {
  return {
    cell: row.cell,
    binding: row.binding,
    tenant_id: row.tenantId,
    state: row.state,
    claimed_at: row.claimedAt.toISOString(),
    retired_at: row.retiredAt?.toISOString() ?? null,
  };
}

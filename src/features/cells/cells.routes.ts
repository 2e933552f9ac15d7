import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { presentCell, presentDatabase, presentPut } from "./cells.present.ts";
import {
  Cell,
  CellChanges,
  CellPage,
  CellParams,
  CellQuery,
  ClaimableDatabases,
  PutCell,
  TenantDatabasePage,
  TenantDatabaseQuery,
  TriedCell,
} from "./cells.schemas.ts";
import * as cells from "./cells.service.ts";
import * as pool from "./pool.service.ts";

const TAG = "Cells";

export const cellsRouter = createRouter();

mount(
  cellsRouter,
  endpoint({
    method: "get",
    path: "/cells",
    operationId: "listCells",
    summary: "List cells",
    description: "With the room that they have for new tenants.",
    tag: TAG,
    doors: "platform",
    access: "cells:read",
    query: CellQuery,
    response: { status: 200, description: "Cells, by name.", schema: CellPage },
  }),
  {
    handle: (ctx, { query }) => cells.list(ctx, query),
    present: ({ items, nextCursor }) => ({
      body: { data: items.map(presentCell), next_cursor: nextCursor },
    }),
  },
);

mount(
  cellsRouter,
  endpoint({
    method: "get",
    path: "/cells/{name}",
    operationId: "getCell",
    summary: "One cell",
    tag: TAG,
    doors: "platform",
    access: "cells:read",
    params: CellParams,
    response: { status: 200, description: "The cell.", schema: Cell, headers: ["ETag"] },
  }),
  {
    handle: (ctx, { params }) => cells.get(ctx, params.name),
    present: (cell) => ({ body: presentCell(cell), version: cell.version }),
  },
);

mount(
  cellsRouter,
  endpoint({
    method: "put",
    path: "/cells/{name}",
    operationId: "putCell",
    summary: "Make a cell known, or open or close it",
    description:
      "Deploys do it. A new cell's databases are claimable once they were tried. " +
      "A closed cell keeps its tenants. The cell itself answers, so `version` is what runs there; to close a known one any cell will do, for it may be down.",
    tag: TAG,
    doors: "platform",
    access: "cells:write",
    params: CellParams,
    body: CellChanges,
    response: {
      status: 200,
      description: "The cell as changed.",
      also: { 201: "The cell, which was not known before." },
      schema: PutCell,
      headers: ["ETag"],
    },
    problems: ["misdirected", "precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, body, ifMatch }) => cells.put(ctx, params.name, body, ifMatch),
    present: (put) => ({
      body: presentPut(put),
      version: put.cell.version,
      ...(put.isNew ? { status: 201 } : {}),
    }),
  },
);

mount(
  cellsRouter,
  endpoint({
    method: "post",
    path: "/cells/{name}/databases",
    operationId: "makeDatabasesClaimable",
    summary: "Try databases of a cell, for new tenants",
    description:
      `Tries each that nobody has had yet, at most ${pool.TRIED_AT_ONCE} in one call: it must be ` +
      "empty, take a write and read it back. Call it again while `claimable` is less than was " +
      "asked for and `unfit` is null.",
    tag: TAG,
    doors: "platform",
    access: "cells:write",
    params: CellParams,
    body: ClaimableDatabases,
    response: { status: 200, description: "How many are claimable now.", schema: TriedCell },
    problems: ["misdirected", "conflict"],
  }),
  {
    handle: (ctx, { params, body }) => pool.makeClaimable(ctx, params.name, body.claimable),
    present: ({ cell, unfit }) => ({ body: { ...presentCell(cell), unfit } }),
  },
);

mount(
  cellsRouter,
  endpoint({
    method: "get",
    path: "/databases",
    operationId: "listTenantDatabases",
    summary: "List tenants' databases",
    description: "All that were ever claimed. Retired ones may be deleted; none is used again.",
    tag: TAG,
    doors: "platform",
    access: "cells:read",
    query: TenantDatabaseQuery,
    response: {
      status: 200,
      description: "Databases, by cell and name.",
      schema: TenantDatabasePage,
    },
  }),
  {
    handle: (ctx, { query }) => pool.listClaimed(ctx, query),
    present: ({ items, nextCursor }) => ({
      body: { data: items.map(presentDatabase), next_cursor: nextCursor },
    }),
  },
);

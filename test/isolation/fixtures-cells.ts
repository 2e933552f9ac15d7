/** How to aim operators' operations on cells: see fixtures.ts. */
import { knowThisCell, THIS_CELL } from "../support/open-cell.ts";
import type { Fixture } from "./fixtures.ts";

const oneCell = (body?: object): Fixture => ({
  target: async () => {
    await knowThisCell();
    return { params: { name: THIS_CELL }, ...(body ? { body } : {}) };
  },
  nowhere: () => ({ params: { name: "nobodys-1" }, ...(body ? { body } : {}) }),
});

export const CELL_FIXTURES: Readonly<Record<string, Fixture>> = {
  "GET /api/v1/cells/{name}": oneCell(),
  "PUT /api/v1/cells/{name}": oneCell({ open: true }),
  "POST /api/v1/cells/{name}/databases": oneCell({ claimable: 200 }),
};

/** A router and cells in one isolate: the real code, each cell with settings of its own. */
import { createApp } from "../../src/app.ts";
import type { Bindings } from "../../src/env.ts";
import { cellBinding } from "../../src/platform/cells/binding.ts";
import { type CellDoor, comingBy } from "../../src/platform/cells/cell-door.ts";
import type { RouterBindings } from "../../src/platform/cells/router-env.ts";
import router from "../../src/router.ts";
import { type CallOptions, type Reply, requestOf, toReply } from "./client.ts";
import { bindings } from "./worker.ts";

/** The cell that the tests' own settings name. */
export const HOME = "test-1";

/** What a cell does when it is asked for a door. */
export type Door = CellDoor["door"];

const app = createApp();

/** A cell with the tests' bindings and these changes. */
export function cellNamed(name: string, changes: Partial<Bindings> = {}): Door {
  const env = { ...bindings, CELL: name, ...changes } as Bindings;
  return async (route) => ({
    fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input, init);
      return app.fetch(route ? comingBy(route, request) : request, env);
    },
  });
}

/** A router in front of these cells. */
export interface TestRouter {
  /** Names of the cells that were asked for a door, in order; `null` says that it was the platform's. */
  readonly asked: (readonly [cell: string, slug: string | null])[];
  call(method: string, url: string, options?: CallOptions): Promise<Reply>;
  fetch(request: Request): Promise<Response>;
}

export function openRouter(
  doors: Readonly<Record<string, Door>>,
  changes: Partial<RouterBindings> = {},
): TestRouter {
  const asked: [string, string | null][] = [];
  const cells = Object.entries(doors).map(([name, open]) => {
    const door: Door = (route) => {
      asked.push([name, route?.slug ?? null]);
      return open(route);
    };
    return [cellBinding(name), { door }] as const;
  });
  const env = {
    CONTROL_DB: bindings.CONTROL_DB,
    ADDRESS_GUARD: bindings.ADDRESS_GUARD,
    BASE_URL: bindings.BASE_URL,
    HOME_CELL: HOME,
    ...Object.fromEntries(cells),
    ...changes,
  } as RouterBindings;
  const fetch = async (request: Request) => router.fetch(request, env);
  return {
    asked,
    fetch,
    call: async (method, url, options) => toReply(await fetch(requestOf(method, url, options))),
  };
}

import { faultKind } from "../jobs/fault-kind.ts";
import type { Logger } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import { CELL_HEADER, type Registry, type TenantRoute } from "../tenancy/index.ts";
import { boundCells } from "./binding.ts";
import type { HeldRequest } from "./held-body.ts";
import { ROUTE_HEADER } from "./own-headers.ts";
import { openDoorOf, silent } from "./reach.ts";
import type { RouterBindings } from "./router-env.ts";

/** What handing over stands on. */
export interface Hands {
  readonly env: RouterBindings;
  readonly registry: Registry;
  readonly log: Logger;
}

/** Where a request goes: through a tenant's door, or with no route the platform's, of the first that opens. */
export interface Way {
  readonly cells: readonly string[];
  readonly route: TenantRoute | null;
  /** Another cell has named the one to ask. */
  readonly isNamed?: boolean;
}

/** An answer, the cell that has given it, and how many cells were asked. */
export interface Handed {
  readonly answer: Response;
  readonly cell: string;
  readonly asked: number;
}

/** Other cells that a request goes on to, when the first says that it is not its to answer. */
const MOST_OTHERS = 2;

const SAFE = ["GET", "HEAD", "OPTIONS"];

/** The way to a tenant's own cell. */
export function wayTo(route: TenantRoute): Way {
  return { cells: [route.cell], route };
}

/** The way to the platform's door: the home cell's, or while that one is down another's. Any can serve it. */
export function wayHome(env: RouterBindings, homeCell: string): Way {
  return { cells: [homeCell, ...boundCells(env).filter((cell) => cell !== homeCell)], route: null };
}

/**
 * Hands a request over to a cell, and on to another one when that cell says so. A cell does nothing
 * before it says so, and each is given the same request.
 * @throws Failure `not-ready` when no cell answers; `outcome-unknown` when an answer was lost
 */
export async function handOver(
  hands: Hands,
  first: Way,
  held: HeldRequest,
  headers: Headers,
): Promise<Handed> {
  let way = first;
  for (let asked = 1; ; asked += 1) {
    const { answer, cell } = await ask(hands, way, held.with(headers));
    const next = await nextWay(hands, way, answer);
    if (next && held.repeatable && asked <= MOST_OTHERS) {
      way = next;
      // Nobody reads it, and it would hold a connection.
      await answer.body?.cancel();
      continue;
    }
    if (answer.status !== 421) return { answer, cell, asked };
    throw silent(cell, "is not the one to answer this, and no other is known");
  }
}

async function ask(hands: Hands, way: Way, request: Request) {
  const { door, cell } = await openFirst(hands, way);
  try {
    return { answer: await door.fetch(request), cell };
  } catch (error) {
    if (SAFE.includes(request.method)) throw silent(cell, faultKind(error));
    const cause = new Error(`Cell ${cell}, whose answer was lost: ${faultKind(error)}`);
    throw new Failure("outcome-unknown", undefined, { cause });
  }
}

async function openFirst({ env, log }: Hands, { cells, route, isNamed }: Way) {
  let last: unknown;
  for (const cell of cells) {
    try {
      return { door: await openDoorOf(env, cell, route, isNamed), cell };
    } catch (error) {
      last = error;
      if (route === null) log.warn("platform door closed", { cell });
    }
  }
  throw last;
}

/** Where the answer says that the request has to go; null when it is one for the client. */
async function nextWay(hands: Hands, { route }: Way, answer: Response): Promise<Way | null> {
  const named = cellNamedBy(answer, hands.env);
  if (route === null) return named === null ? null : { cells: [named], route, isNamed: true };
  if (named === null && !answer.headers.has(ROUTE_HEADER)) return null;
  const now = await findAnew(hands, route);
  const isElsewhere = now && (now.cell !== route.cell || now.binding !== route.binding);
  return isElsewhere ? wayTo(now) : null;
}

/**
 * The cell that the answer says is to be asked. One that the registry does not know is named with a 404,
 * which stands unless this router knows it: so it is with a cell that was just deployed.
 */
function cellNamedBy({ status, headers }: Response, env: RouterBindings): string | null {
  const name = headers.get(CELL_HEADER);
  if (name === null || status === 421) return name;
  return status === 404 && boundCells(env).includes(name) ? name : null;
}

/** While the registry is silent, what the cell has said has to do. */
async function findAnew({ registry, log }: Hands, { slug }: TenantRoute) {
  try {
    return await registry.findAnew(slug);
  } catch (error) {
    log.warn("stale route kept", { slug, code: faultKind(error) });
    return null;
  }
}

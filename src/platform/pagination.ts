import type { Ctx } from "./context.ts";
import { readText, signText } from "./crypto/authenticated.ts";
import { sha256Hex } from "./crypto/digest.ts";
import { Failure } from "./problems.ts";

/** Where a list goes on: the last row's values of the columns that it is ordered by. */
export type Keyset = readonly (string | number)[];

/** A list as its caller asked for it. Equal for two requests exactly when cursors may be shared. */
export interface ListRequest {
  /** Name of the list, such as `users`. */
  readonly list: string;
  readonly filters: Readonly<Record<string, unknown>>;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** One page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/**
 * Reads one page: `load` gets the keyset to start after and how many rows to read, one more than
 * the page holds, which tells whether there is another.
 * @throws Failure `invalid-cursor` for one of another realm, list or filter
 */
export async function paginate<T>(
  ctx: Ctx,
  request: ListRequest,
  load: (after: Keyset | null, count: number) => Promise<readonly T[]>,
  keysetOf: (row: T) => Keyset,
): Promise<Page<T>> {
  const scope = await scopeOf(request);
  const after = request.cursor === undefined ? null : await open(ctx, scope, request.cursor);
  const rows = await load(after, request.limit + 1);
  const items = rows.slice(0, request.limit);
  const last = items.at(-1);
  const more = rows.length > request.limit && last !== undefined;
  return { items, nextCursor: more ? await close(ctx, scope, keysetOf(last)) : null };
}

const PURPOSE = "cursor";

async function scopeOf({ list, filters }: ListRequest): Promise<string> {
  const set = Object.entries(filters).filter(([, value]) => value !== undefined);
  set.sort(([a], [b]) => (a < b ? -1 : 1));
  return (await sha256Hex(JSON.stringify([list, set]))).slice(0, 32);
}

function close(ctx: Ctx, scope: string, keyset: Keyset): Promise<string> {
  const context = { realm: ctx.realm.id, purpose: PURPOSE };
  return signText(ctx.settings.MASTER_KEY, context, JSON.stringify([scope, ...keyset]));
}

async function open(ctx: Ctx, scope: string, cursor: string): Promise<Keyset> {
  const context = { realm: ctx.realm.id, purpose: PURPOSE };
  const text = await readText(ctx.settings.MASTER_KEY, context, cursor);
  const [cursorScope, ...keyset] = text === null ? [] : (JSON.parse(text) as string[]);
  if (cursorScope !== scope) throw new Failure("invalid-cursor");
  return keyset;
}

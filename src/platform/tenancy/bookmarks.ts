import type { Ctx } from "../context.ts";
import { readText, signText } from "../crypto/authenticated.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import { handleOf, type RealmDb } from "./database.ts";
import type { Tenancy } from "./tenancy.ts";

const PURPOSE = "bookmark";

/** The database that a request's last commit went to, by the request's tenancy. */
const written = new WeakMap<Tenancy, RealmDb>();

/** Remembers whose database was written. For `commit`. */
export function rememberCommit(ctx: Ctx): void {
  written.set(ctx.tenancy, ctx.db);
}

/**
 * Where a client's reads must not fall behind, for `x-d1-bookmark`: in the realm that the request
 * wrote to last, which may be another than the door's, else in the door's. Authenticated, because D1
 * takes any text for a bookmark; bound to the realm, because each database counts for itself.
 */
export async function bookmarkFor(ctx: Ctx): Promise<string | null> {
  const db = written.get(ctx.tenancy) ?? ctx.db;
  const bookmark = handleOf(db).bookmark();
  if (!bookmark) return null;
  return signText(ctx.settings.MASTER_KEY, { realm: db.realmId, purpose: PURPOSE }, bookmark);
}

/** The bookmark inside a client's header; null for anything that this realm did not hand out. */
export async function readBookmark(
  master: MasterKey,
  realmId: string,
  header: string | null,
): Promise<string | null> {
  return header ? readText(master, { realm: realmId, purpose: PURPOSE }, header) : null;
}

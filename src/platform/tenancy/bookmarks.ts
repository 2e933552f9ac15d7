import { readText, signText } from "../crypto/authenticated.ts";
import type { MasterKey } from "../crypto/master-key.ts";
import { handleOf, type RealmDb } from "./database.ts";

const PURPOSE = "bookmark";

/**
 * Where a client's reads must not fall behind, for `x-d1-bookmark`. Authenticated, because D1 takes
 * any text for a bookmark; bound to the realm, because each database counts for itself.
 */
export async function bookmarkFor(master: MasterKey, db: RealmDb): Promise<string | null> {
  const bookmark = handleOf(db).bookmark();
  return bookmark && signText(master, { realm: db.realmId, purpose: PURPOSE }, bookmark);
}

/** The bookmark inside a client's header; null for anything that this realm did not hand out. */
export async function readBookmark(
  master: MasterKey,
  realmId: string,
  header: string | null,
): Promise<string | null> {
  return header && readText(master, { realm: realmId, purpose: PURPOSE }, header);
}

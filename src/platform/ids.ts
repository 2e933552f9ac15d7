import { typeid } from "typeid-js";

/** What has an id, and its TypeID prefix. */
export const ID_PREFIXES = {
  tenant: "tenant",
  user: "user",
  session: "session",
  audit: "audit",
  invitation: "invitation",
  commit: "commit",
  request: "req",
  token: "token",
  service: "service",
  secret: "secret",
  webhookEvent: "whevent",
  event: "event",
  lease: "lease",
} as const;
export type IdKind = keyof typeof ID_PREFIXES;

/** A new TypeID: sortable by its time of making, 74 random bits (UUIDv7). */
export function newId(kind: IdKind): string {
  return typeid(ID_PREFIXES[kind]).toString();
}

/** Suffix of a TypeID: 26 characters of Crockford's base32, the first at most 7. */
export const ID_SUFFIX = "[0-7][0-9a-hjkmnp-tv-z]{25}";

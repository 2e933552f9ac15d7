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
  call: "call",
  secret: "secret",
  webhookEvent: "whevent",
  event: "event",
  lease: "lease",
  destination: "destination",
  delivery: "delivery",
  actor: "actor",
  signal: "signal",
  rule: "rule",
  jobRun: "run",
  migration: "migration",
  import: "import",
} as const;
export type IdKind = keyof typeof ID_PREFIXES;

/** A new TypeID: sortable by its time of making, 74 random bits (UUIDv7). */
export function newId(kind: IdKind): string {
  return typeid(ID_PREFIXES[kind]).toString();
}

/** Crockford's base32: what TypeIDs are written in, in the order of their sorting. */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
/** Milliseconds of a UUIDv7 take 48 bits: ten digits of a TypeID; sixteen follow. */
const TIME_DIGITS = 10;
const REST_DIGITS = 16;

/** The lowest id that a thing made at this moment can have: a bound for lists that go by id. */
export function idFrom(kind: IdKind, at: Date): string {
  const ms = Math.min(Math.max(0, at.getTime()), 2 ** 48 - 1);
  const digits = [...ms.toString(32)].map((digit) => DIGITS[Number.parseInt(digit, 32)]);
  const time = digits.join("").padStart(TIME_DIGITS, "0");
  return `${ID_PREFIXES[kind]}_${time}${"0".repeat(REST_DIGITS)}`;
}

/** Suffix of a TypeID: 26 characters of Crockford's base32, the first at most 7. */
export const ID_SUFFIX = "[0-7][0-9a-hjkmnp-tv-z]{25}";

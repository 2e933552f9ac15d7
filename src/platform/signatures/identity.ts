/** What a request says of its event: the id, the type, and whether it only asks for an answer. */
import { joinedType } from "./event-type.ts";
import type { Source } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";
import type { SignatureSettings } from "./settings.ts";
import type { SignedRequest } from "./verify.ts";

export interface EventIdentity {
  /** Null when the request names none; the body's digest has to serve then. */
  readonly id: string | null;
  /**
   * The id stands in a header that the signature covers: whoever repeats a request cannot give it
   * another, and the body's digest does not tell it.
   */
  readonly idBesideBody: boolean;
  /** "unknown", or what the scheme says instead, when the request names none. */
  readonly type: string;
}

/** Longer texts count as absent: they are kept in indexed columns. */
const MAX_LENGTH = 255;

/**
 * Reads id and type where the scheme has them. `payload` is the parsed body: a JSON value, form
 * fields as an object of strings, or undefined; it may be anything and is never trusted.
 */
export function identify(
  settings: SignatureSettings,
  request: Pick<SignedRequest, "headers">,
  payload: unknown,
): EventIdentity {
  const scheme = SCHEMES[settings.scheme];
  const read = (source: Source) => nameAt(source, request.headers, payload);
  const found = firstOf(scheme.id, read);
  const type = firstOf(scheme.type.sources, read)?.text ?? null;
  const suffix = scheme.type.suffix === undefined ? null : read(scheme.type.suffix);
  return {
    id: found?.text ?? null,
    idBesideBody: found !== null && isSignedHeader(found.source, scheme.idHeader),
    type: type === null ? scheme.type.otherwise : (shortEnough(joinedType(type, suffix)) ?? type),
  };
}

/** The text that Slack, say, wants back to see that somebody is there; null for all else. */
export function challengeOf(settings: SignatureSettings, payload: unknown): string | null {
  const { challenge } = SCHEMES[settings.scheme];
  if (challenge === undefined || valueAt(payload, challenge.when) !== challenge.equals) return null;
  const answer = valueAt(payload, challenge.answer);
  return typeof answer === "string" ? asName(answer) : null;
}

function firstOf(sources: readonly Source[], read: (source: Source) => string | null) {
  for (const source of sources) {
    const text = read(source);
    if (text !== null) return { source, text };
  }
  return null;
}

function isSignedHeader(source: Source, signedHeader: string | undefined): boolean {
  return "header" in source && source.header === signedHeader;
}

function nameAt(source: Source, headers: Headers, payload: unknown): string | null {
  return asName("header" in source ? headers.get(source.header) : valueAt(payload, source.body));
}

function valueAt(payload: unknown, path: readonly string[]): unknown {
  let value = payload;
  for (const key of path) {
    // Own properties only: every object has a "constructor", no event does.
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

function asName(value: unknown): string | null {
  if (typeof value === "number") {
    // Beyond it the parser has rounded, and two ids may have become one.
    return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? String(value) : null;
  }
  if (typeof value !== "string" || value === "" || !value.isWellFormed()) return null;
  const name = shortEnough(value);
  return name === null || hasControls(name) ? null : name;
}

/** SQLite's JSON functions cut a text at U+0000; the others are in nobody's names. */
function hasControls(text: string): boolean {
  return [...text].some((letter) => letter < " " || letter === "\u007f");
}

function shortEnough(text: string): string | null {
  return text.length <= MAX_LENGTH ? text : null;
}

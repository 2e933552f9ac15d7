import { sha256Hex } from "../crypto/digest.ts";
import type { IfMatch } from "../preconditions.ts";
import { Failure } from "../problems.ts";

/** Letters of the body's hash in an entity tag. */
const HASH_LETTERS = 16;

/**
 * Strong entity tag: the version, by which writes are guarded, and a hash of the body, because
 * two roles see different representations of one version.
 */
export async function entityTag(version: number, body: string): Promise<string> {
  return `"${version}.${(await sha256Hex(body)).slice(0, HASH_LETTERS)}"`;
}

const TAG = /^"(\d{1,15})(?:\.[0-9a-f]*)?"$/;

/**
 * Reads `If-Match`. `*` asks only that there is something; a weak tag never matches (RFC 9110,
 * section 13.1.1), and neither does one that is not ours.
 */
export function parseIfMatch(header: string | undefined): IfMatch {
  if (header === undefined || header.trim() === "*") return null;
  if (header.length > 1_000) throw new Failure("malformed-request", "If-Match is too long.");
  return header.split(",").flatMap((part) => {
    const version = TAG.exec(part.trim())?.[1];
    return version === undefined ? [] : Number(version);
  });
}

/** Whether `If-None-Match` names the tag (weak comparison, RFC 9110, section 13.1.2). */
export function isFresh(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const names = header.split(",").map((part) => part.trim().replace(/^W\//, ""));
  return names.includes("*") || names.includes(tag);
}

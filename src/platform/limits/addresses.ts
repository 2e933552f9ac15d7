import ipaddr from "ipaddr.js";

/** Objects that the addresses are spread over. */
const SHARDS = 64;
/** Groups of 16 bits that an IPv6 line usually has for itself: a /64. */
const LINE_GROUPS = 4;

/**
 * Whom an address stands for: an IPv4 address for itself, an IPv6 address for its /64, in which a
 * caller can have any it likes. What is no address stands for itself.
 */
export function callerLine(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  if (address.kind() === "ipv4") return address.toString();
  const groups = (address as ipaddr.IPv6).parts.slice(0, LINE_GROUPS);
  return `${groups.map((group) => group.toString(16)).join(":")}::/64`;
}

/** The object that keeps the accounts of a line: always the same one (FNV-1a). */
export function addressAccount(line: string): string {
  let hash = 0x811c9dc5;
  for (const letter of line) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return `addresses:${hash % SHARDS}`;
}

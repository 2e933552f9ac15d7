import ipaddr from "ipaddr.js";
import type { Settings } from "../../env.ts";
import { BLOCKED_PORTS } from "./ports.ts";

/**
 * Names that never lead out: RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`, and what home and
 * office networks and clusters use without having registered it.
 */
const PRIVATE_SUFFIXES = [
  "localhost",
  "local",
  "localdomain",
  "internal",
  "home.arpa",
  "home",
  "lan",
  "corp",
  "intranet",
  "private",
  "svc",
];
/** Public names and addresses by which clouds tell their machines about themselves. */
const METADATA = new Set(["metadata.goog", "168.63.129.16"]);
/** Ports below are those of system services; a web server there is not meant for us. */
const FIRST_OPEN_PORT = 1_024;
/** What the internet routes to hosts, of all of IPv6 (RFC 4291, section 2.4; IANA's registry). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Why an address must not be called, in words for the caller; null when it may. It judges what is
 * written; what DNS makes of a name is beyond it (docs/security.md, "Calling out").
 */
export function addressFault(url: URL, settings: Settings): string | null {
  const local = settings.ENVIRONMENT !== "production";
  // The parser has brought hosts into one form: lower case, decoded, IPv4 in four decimal parts.
  const host = url.hostname.replace(/\.$/, "");
  if (url.protocol !== "https:" && !(local && url.protocol === "http:")) {
    return "must be an https URL";
  }
  if (url.username !== "" || url.password !== "") return "must not hold a user name or password";
  if (url.hash !== "") return "must not have a fragment";
  if (isOwnDoor(host, portOf(url), settings.BASE_URL)) return "must not be this platform itself";
  if (url.hostname.endsWith(".")) return "must not have a host that ends with a dot";
  return portFault(url) ?? (local && isLoopback(host) ? null : hostFault(host));
}

/** Every host below the base domain is a tenant's door, or may become one. */
function isOwnDoor(host: string, port: number, base: URL): boolean {
  const own = base.hostname;
  // On one's own machine it is the port that makes a door.
  if (isLoopback(own)) return (isLoopback(host) || isBelow(host, own)) && port === portOf(base);
  return isBelow(host, own);
}

function portFault(url: URL): string | null {
  const port = portOf(url);
  if (url.port === "") return null;
  return port < FIRST_OPEN_PORT || BLOCKED_PORTS.has(port)
    ? "must not name a port that other services than the web's use"
    : null;
}

function hostFault(host: string): string | null {
  const refusal = "must not lead into a private or special network";
  if (METADATA.has(host)) return refusal;
  if (ipaddr.IPv4.isValid(host)) {
    return ipaddr.IPv4.parse(host).range() === "unicast" ? null : refusal;
  }
  if (host.startsWith("[")) {
    const address = ipaddr.IPv6.parse(host.slice(1, -1));
    // IPv4 in IPv6's clothes (mapped, compatible, NAT64, 6to4, Teredo) is none of these two.
    return address.match(GLOBAL_UNICAST) && address.range() === "unicast" ? null : refusal;
  }
  if (!host.includes(".")) return "must have a full host name";
  return PRIVATE_SUFFIXES.some((suffix) => isBelow(host, suffix)) ? refusal : null;
}

function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "[::1]") return true;
  return ipaddr.IPv4.isValid(host) && ipaddr.IPv4.parse(host).range() === "loopback";
}

function isBelow(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

/** Groups of 16 bits of an IPv6 address that a site usually has for itself: a /48. */
const SITE_GROUPS = 3;

/**
 * The network that an address belongs to: IPv4 /24, IPv6 /48, so that one attacker with a range
 * counts once. Anything else stands for itself.
 */
export function networkOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1] ?? ip;
  const v4 = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(mapped);
  if (v4) return `${v4[1]}.0/24`;
  if (!ip.includes(":")) return ip;
  const [head = ""] = ip.toLowerCase().split("::");
  const groups = head
    .split(":")
    .filter(Boolean)
    .map((group) => group.replace(/^0+(?=.)/, ""));
  const site = [...groups, "0", "0", "0"].slice(0, SITE_GROUPS);
  return `${site.join(":")}::/48`;
}

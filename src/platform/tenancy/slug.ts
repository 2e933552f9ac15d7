/** Names that would be mistaken for a door of the platform, or for somebody's e-mail or web host. */
const RESERVED = new Set(
  (
    "about abuse account accounts admin administrator api app apps assets auth billing blog cdn " +
    "control dashboard dev developer developers dns docs download email events ftp git " +
    "graphql health help hostmaster imap info internal localhost login logout mail metrics mx news " +
    "noc ns ns1 ns2 operator operators ops platform pop postmaster preview privacy prod production " +
    "public ready register root rowhouse sandbox security signup smtp ssl staging static status " +
    "support sysadmin system tenant tenants test webhook webhooks webmaster webmail wpad ws www"
  ).split(" "),
);

/** RFC 1123 label, 3 to 40 characters of `a-z0-9-`, no dash at either end, no punycode prefix. */
const SHAPE = /^[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]$/;

/** Whether the text has the form of a slug. Says nothing about reservation. */
export function isSlug(text: string): boolean {
  return SHAPE.test(text) && !text.startsWith("xn--");
}

/** Whether the slug is kept for the platform. */
export function isReservedSlug(slug: string): boolean {
  return RESERVED.has(slug);
}

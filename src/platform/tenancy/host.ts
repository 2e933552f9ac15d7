import { isSlug } from "./slug.ts";

/** Whose door a request came to. */
export type Door =
  | { readonly kind: "platform" }
  | { readonly kind: "tenant"; readonly slug: string }
  | { readonly kind: "unknown" };

/** Labels below the base domain that are the platform's own door. */
const PLATFORM_LABELS = new Set(["api", "www"]);

/**
 * Reads the door from a host name. Port, letter case and one trailing dot (RFC 1034 3.1) do not
 * matter; a nested subdomain is nobody's door.
 * @param hostname as in `URL.hostname`
 * @param baseDomain host name of the platform door
 */
export function doorOf(hostname: string, baseDomain: string): Door {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host === baseDomain) return { kind: "platform" };
  const suffix = `.${baseDomain}`;
  if (!host.endsWith(suffix)) return { kind: "unknown" };
  const label = host.slice(0, -suffix.length);
  if (PLATFORM_LABELS.has(label)) return { kind: "platform" };
  return isSlug(label) ? { kind: "tenant", slug: label } : { kind: "unknown" };
}

/** Origin of a tenant's door, from the registry's slug and the settings; never from a request. */
export function tenantOrigin(slug: string, baseUrl: URL): string {
  return `${baseUrl.protocol}//${slug}.${baseUrl.host}`;
}

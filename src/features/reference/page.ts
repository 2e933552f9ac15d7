import { Scalar } from "@scalar/hono-api-reference";
import type { AppEnv } from "../../platform/http/context.ts";

/** Where the page finds its script: on its own door. */
export const SCRIPT_PATH = "/docs/scalar.js";

/**
 * What the page may do: run the scripts that carry this answer's nonce, and talk to its own door.
 * No `unsafe-eval`, no worker, no frame, no form, no other host.
 *
 * Styles alone may be inline: Scalar adds `style` elements and attributes as it renders, without the
 * nonce (tried: its themes and its editor break). A style can send nothing away, because images and
 * fonts come from this door alone.
 */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    "style-src 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** The reference of this door. It asks nobody but this door for anything, and keeps no token. */
export const referencePage = Scalar<AppEnv>((c) => {
  const nonce = crypto.randomUUID();
  c.header("content-security-policy", policy(nonce));
  // A nonce is good for one answer.
  c.header("cache-control", "no-store");
  return {
    cdn: SCRIPT_PATH,
    nonce,
    pageTitle: "Rowhouse API",
    url: "/openapi.json",
    theme: "default",
    layout: "modern",
    // "Try it" goes from the page to its door, through nobody's proxy.
    proxyUrl: "",
    persistAuth: false,
    telemetry: false,
    withDefaultFonts: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    orderSchemaPropertiesBy: "preserve",
    hideClientButton: true,
    showDeveloperTools: "never",
    documentDownloadType: "json",
    authentication: { preferredSecurityScheme: "bearer" },
    defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
  };
});

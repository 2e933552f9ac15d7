/** The table of schemes in words, for those who have to send what it asks for. */
import type { Clock, ContentPart, Scheme, SettableOption } from "./scheme.ts";
import { SCHEMES, type SchemeName } from "./schemes.ts";
import { writeSignature } from "./signature-list.ts";

type NamedPart = Extract<ContentPart, string>;

const TIMES: Readonly<Record<Clock["format"], string>> = {
  seconds: "whole seconds since 1970",
  iso8601: "ISO 8601",
};

const PARTS: Readonly<Record<NamedPart, (scheme: Scheme) => string>> = {
  id: ({ idHeader }) => `<${idHeader}>`,
  timestamp: ({ clock }) => `<${timestampName(clock)}>`,
  body: () => "<body>",
  url: () => "<url>",
  "notification-url": () => "<notification_url>",
  parameters: () => "<names and values of the form, sorted>",
};

/** One line of Markdown: the header with the signature, what is signed, and what it takes. */
export function schemeText(name: SchemeName): string {
  const scheme = SCHEMES[name];
  const { header, tag, tagOptional } = scheme.signature;
  const content = scheme.content
    .map((part) => (typeof part === "object" ? part.literal : PARTS[part](scheme)))
    .join("");
  const facts = [
    `\`${name}\`: \`${header}: ${valueText(scheme)}\`, the HMAC-${scheme.hash} of \`${content}\``,
    tagOptional ? `\`${tag}\` may be left out` : null,
    scheme.content.includes("timestamp") && scheme.clock
      ? `\`<${timestampName(scheme.clock)}>\` in ${TIMES[scheme.clock.format]}`
      : null,
    scheme.key === "base64" ? "the secret is the key in base64, after `whsec_` or not" : null,
    optionText(scheme, "required", "needs"),
    optionText(scheme, "optional", "takes"),
  ];
  return facts.filter((fact) => fact !== null).join("; ");
}

function valueText(scheme: Scheme): string {
  const encoding = scheme.signature.encoding === "base64" ? "base64" : "hex";
  // Written by what writes signatures, so that the order of the entries is said once.
  return `${writeSignature(scheme, new Uint8Array(), "<timestamp>")}<${encoding}>`;
}

function timestampName(clock: Clock | undefined): string {
  return typeof clock?.at === "object" && "header" in clock.at ? clock.at.header : "timestamp";
}

function optionText({ options }: Scheme, rule: "optional" | "required", verb: string) {
  const names = (Object.keys(options) as SettableOption[]).filter((name) => options[name] === rule);
  return names.length === 0 ? null : `${verb} ${names.map((name) => `\`${name}\``).join(", ")}`;
}

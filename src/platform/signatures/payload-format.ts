/** How bodies are to be read. */
import { SCHEMES } from "./schemes.ts";
import type { SignatureSettings } from "./settings.ts";

/** As JSON whatever a body's Content-Type says, or as that says. */
export function payloadFormat(settings: SignatureSettings): "json" | "content-type" {
  return SCHEMES[settings.scheme].format;
}

import { sha256Hex } from "../../platform/crypto/digest.ts";
import { type DocumentScope, documentFor, type Registry } from "./document.ts";

/** A document as it goes over the wire. */
interface Rendered {
  readonly text: string;
  /** Strong entity tag. */
  readonly tag: string;
}

/** Makes each door's document once per isolate, when it is first asked for. */
export function createDocuments(registry: Registry) {
  const made = new Map<string, Promise<Rendered>>();
  return (scope: DocumentScope, version: string): Promise<Rendered> => {
    const known = made.get(scope);
    if (known) return known;
    const rendering = render(registry, scope, version);
    made.set(scope, rendering);
    return rendering;
  };
}

async function render(
  registry: Registry,
  scope: DocumentScope,
  version: string,
): Promise<Rendered> {
  const text = JSON.stringify(documentFor(registry, scope, version));
  return { text, tag: `"${await sha256Hex(text)}"` };
}

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
  // Documents are kept, not promises of documents: a promise belongs to the request that made it,
  // and when that one is cancelled every other request that awaits it hangs.
  const made = new Map<string, Rendered>();
  return async (scope: DocumentScope, version: string): Promise<Rendered> => {
    const name = `${scope} ${version}`;
    const known = made.get(name);
    if (known) return known;
    const rendered = await render(registry, scope, version);
    made.set(name, rendered);
    return rendered;
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

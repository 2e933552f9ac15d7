import { tokensOf } from "../../platform/i-json.ts";

/** Name of the list in a batch that is an object. */
const LIST = "events";

/**
 * The elements of a batch, each as the very text that its sender wrote: a list, or an object with
 * a list named `events`.
 * @param text valid JSON
 * @returns null when it is neither
 */
export function elementsOf(text: string): string[] | null {
  let depth = 0;
  let listDepth: number | null = null;
  let name: string | null = null;
  let start = 0;
  const elements: string[] = [];
  for (const { mark, start: at, end } of tokensOf(text)) {
    if (mark === '"' && depth === 1 && name === null) name = JSON.parse(text.slice(at, end));
    if (mark === "," && depth === 1) name = null;
    if (mark === "{" || mark === "[") {
      depth += 1;
      const isList = depth === 1 || (depth === 2 && name === LIST);
      if (mark === "[" && isList && listDepth === null) {
        listDepth = depth;
        start = end;
      }
    }
    if (listDepth === depth && (mark === "," || mark === "]")) {
      elements.push(text.slice(start, at).trim());
      start = end;
      if (mark === "]") return elements.filter((element) => element !== "");
    }
    if (mark === "}" || mark === "]") depth -= 1;
  }
  return null;
}

/**
 * Compares what commands printed with what a page shows. Ids, times and tokens differ from run to
 * run: `…` on the page stands for anything, so that readers see what varies as well.
 */

/**
 * Says how the output differs from a `text` block; undefined when it matches.
 *
 * `…` within a line stands for any characters of that line, a line that is only `…` for any number
 * of lines. Spaces at the ends of lines and blank lines at the end do not count.
 */
export function textDifference(shown: string, printed: string): string | undefined {
  if (linesMatch(lines(shown), lines(printed))) return undefined;
  return `shown:\n${shown}\n\nprinted:\n${printed}`;
}

function linesMatch(shown: readonly string[], printed: readonly string[]): boolean {
  const [line, ...others] = shown;
  if (line === undefined) return printed.length === 0;
  if (line.trim() === "…") {
    return [...printed.keys(), printed.length].some((skipped) =>
      linesMatch(others, printed.slice(skipped)),
    );
  }
  const [next, ...left] = printed;
  return next !== undefined && matches(line, next) && linesMatch(others, left);
}

/**
 * Says where the output differs from a `json` block; undefined when it matches. Formatting does not
 * count, everything else does.
 *
 * `…` within a string stands for any characters; a value `"…"` for any value; a last element `"…"`
 * of a list for any further elements; a member `"…": "…"` for any further members.
 */
export function jsonDifference(shown: string, printed: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(printed);
  } catch {
    return `printed no JSON:\n${printed}`;
  }
  const difference = valueDifference(JSON.parse(shown), value, "$");
  return difference && `${difference}\n\nprinted:\n${JSON.stringify(value, null, 2)}`;
}

function valueDifference(shown: unknown, value: unknown, at: string): string | undefined {
  if (shown === "…") return undefined;
  if (typeof shown === "string" && typeof value === "string") {
    return matches(shown, value) ? undefined : mismatch(at, shown, value);
  }
  if (Array.isArray(shown) && Array.isArray(value)) return listDifference(shown, value, at);
  if (isObject(shown) && isObject(value)) return objectDifference(shown, value, at);
  return Object.is(shown, value) ? undefined : mismatch(at, shown, value);
}

function listDifference(shown: unknown[], value: unknown[], at: string): string | undefined {
  const open = shown.at(-1) === "…";
  const wanted = open ? shown.slice(0, -1) : shown;
  if (open ? value.length < wanted.length : value.length !== wanted.length) {
    return `${at} has ${value.length} elements, not ${wanted.length}${open ? " or more" : ""}`;
  }
  return first(wanted, (item, index) => valueDifference(item, value[index], `${at}[${index}]`));
}

function objectDifference(
  shown: Record<string, unknown>,
  value: Record<string, unknown>,
  at: string,
): string | undefined {
  const wanted = Object.entries(shown).filter(([key]) => key !== "…");
  if (!("…" in shown)) {
    const extra = Object.keys(value).find((key) => !Object.hasOwn(shown, key));
    if (extra !== undefined) return `${at}.${extra} is not shown`;
  }
  return first(wanted, ([key, item]) =>
    Object.hasOwn(value, key)
      ? valueDifference(item, value[key], `${at}.${key}`)
      : `${at}.${key} is missing`,
  );
}

function first<T>(
  items: readonly T[],
  differs: (item: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of items.entries()) {
    const difference = differs(item, index);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function mismatch(at: string, shown: unknown, value: unknown): string {
  return `${at} is ${JSON.stringify(value)}, shown is ${JSON.stringify(shown)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a text is the shown one, with anything in the places of `…`. */
function matches(shown: string, text: string): boolean {
  const parts = shown.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "su").test(text);
}

function lines(text: string): string[] {
  return text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.trimEnd());
}

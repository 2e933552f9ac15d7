/** A value that is no list and no object. */
type Plain = string | number | boolean | null;

/** What is taken over from a payload into a business event. */
export interface Facts {
  /** Plain values of the payload's data, by name. */
  readonly values: Readonly<Record<string, Plain>>;
  /** When it happened, if the payload says. */
  readonly occurredAt: Date | null;
  /** What the first of these fields that holds a name holds; it need not be among `values`. */
  subject(names: readonly string[]): string | null;
}

/** So many values, and so many letters of each text: an event is a summary, the payload is kept. */
const MOST_VALUES = 32;
const MOST_LETTERS = 256;
/** Names under which providers say when something happened. */
const TIMES = ["occurred_at", "timestamp", "created_at", "created"];
/** Years that a time may lie in; what is outside was meant as something else. */
const SENSIBLE = { from: Date.UTC(2000), to: Date.UTC(2100) };
/** ISO 8601, or the date of an e-mail: beyond these `Date.parse` reads "item 12" as a December. */
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]|$)|^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} /;
const DIGITS = /^\d{9,13}$/;

/**
 * The facts of a payload: the plain values of `data.object`, `data` or the payload itself, whichever
 * is the innermost that is there.
 */
export function factsOf(payload: unknown): Facts {
  const outer = recordOf(payload) ?? {};
  const data = recordOf(own(outer, "data")) ?? outer;
  const inner = recordOf(own(data, "object")) ?? data;
  return {
    values: valuesOf(inner),
    occurredAt: timeOf(outer) ?? timeOf(inner),
    subject: (names) => names.map((name) => nameOf(own(inner, name))).find(Boolean) ?? null,
  };
}

/** The first plain values. A large record is not gone through for them. */
function valuesOf(record: Record<string, unknown>): Facts["values"] {
  const values: [string, Plain][] = [];
  for (const name in record) {
    if (values.length === MOST_VALUES) break;
    const value = own(record, name);
    if (isPlain(value) && name.length <= MOST_LETTERS) values.push([name, shortened(value)]);
  }
  return Object.fromEntries(values);
}

function nameOf(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(shortened(value)) : null;
}

function timeOf(record: Record<string, unknown>): Date | null {
  for (const name of TIMES) {
    const ms = msOf(own(record, name));
    if (ms >= SENSIBLE.from && ms < SENSIBLE.to) return new Date(ms);
  }
  return null;
}

/** Milliseconds since 1970; NaN for what is no time. */
function msOf(value: unknown): number {
  // Seconds, as Stripe has them, unless they would be too far off: then milliseconds.
  if (typeof value === "number") return value * 1_000 < SENSIBLE.to ? value * 1_000 : value;
  if (typeof value !== "string") return Number.NaN;
  if (DIGITS.test(value)) return msOf(Number(value));
  return TIME.test(value) ? Date.parse(value) : Number.NaN;
}

function recordOf(value: unknown): Record<string, unknown> | null {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Record<string, unknown>) : null;
}

function own(record: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isPlain(value: unknown): value is Plain {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function shortened<T extends Plain>(value: T): T | string {
  return typeof value === "string" ? value.slice(0, MOST_LETTERS).toWellFormed() : value;
}

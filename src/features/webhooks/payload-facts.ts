/** What is taken over from a payload into a business event. */
export interface Facts {
  /** Plain values of the payload's data, by name. */
  readonly values: Readonly<Record<string, string | number | boolean | null>>;
  /** When it happened, if the payload says. */
  readonly occurredAt: Date | null;
}

/** So many values, and so many letters of each text: an event is a summary, the payload is kept. */
const MOST_VALUES = 32;
const MOST_LETTERS = 256;
/** Names under which providers say when something happened. */
const TIMES = ["occurred_at", "timestamp", "created_at", "created"];
/** Years that a time may lie in; what is outside was meant as something else. */
const SENSIBLE = { from: Date.UTC(2000), to: Date.UTC(2100) };

/**
 * The facts of a payload: the plain values of `data.object`, `data` or the payload itself, whichever
 * is the innermost that is there.
 */
export function factsOf(payload: unknown): Facts {
  const outer = recordOf(payload) ?? {};
  const data = recordOf(own(outer, "data")) ?? outer;
  const inner = recordOf(own(data, "object")) ?? data;
  const values = Object.entries(inner).flatMap(([name, value]) =>
    isPlain(value) && name.length <= MOST_LETTERS ? [[name, shortened(value)] as const] : [],
  );
  return {
    values: Object.fromEntries(values.slice(0, MOST_VALUES)),
    occurredAt: timeOf(outer) ?? timeOf(inner),
  };
}

function timeOf(record: Record<string, unknown>): Date | null {
  for (const name of TIMES) {
    const value = own(record, name);
    // Numbers are seconds, as Stripe has them.
    const ms = typeof value === "number" ? value * 1_000 : Date.parse(String(value));
    if (ms >= SENSIBLE.from && ms < SENSIBLE.to) return new Date(ms);
  }
  return null;
}

function recordOf(value: unknown): Record<string, unknown> | null {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Record<string, unknown>) : null;
}

function own(record: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function shortened<T>(value: T): T | string {
  return typeof value === "string" ? value.slice(0, MOST_LETTERS).toWellFormed() : value;
}

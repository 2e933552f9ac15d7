/** Timestamps of requests: read strictly, compared with now in whole seconds. */
import type { SignatureFault } from "./faults.ts";
import type { Clock } from "./scheme.ts";

// Twelve digits last for 30,000 years; milliseconds have thirteen, so they are no seconds far ahead.
const SECONDS = /^\d{1,12}$/;
const DATE = String.raw`(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])`;
const TIME = String.raw`([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?`;
const ZONE = String.raw`(Z|[+-]([01]\d|2[0-3]):[0-5]\d)`;
const ISO_8601 = new RegExp(`^${DATE}T${TIME}${ZONE}$`);

const READERS: Readonly<Record<Clock["format"], (text: string) => number | null>> = {
  seconds: (text) => (SECONDS.test(text) ? Number(text) : null),
  iso8601: (text) => {
    const match = ISO_8601.exec(text);
    if (match === null) return null;
    const [, year, month, day] = match.map(Number) as [number, number, number, number];
    // Date.parse() takes the 30th of February for the 2nd of March.
    const asked = new Date(Date.UTC(year, month - 1, day));
    return asked.getUTCDate() === day ? Math.floor(Date.parse(text) / 1000) : null;
  },
};

const WRITERS: Readonly<Record<Clock["format"], (now: number) => string>> = {
  seconds: (now) => String(Math.floor(now / 1000)),
  iso8601: (now) => `${new Date(now).toISOString().slice(0, -".000Z".length)}Z`,
};

/** Seconds since 1970 of a timestamp as a header has it; null when it is not one of that format. */
export function readTimestamp(clock: Clock, text: string): number | null {
  return READERS[clock.format](text);
}

/** `now`, in milliseconds, as a sender writes it. */
export function writeTimestamp(clock: Clock, now: number): string {
  return WRITERS[clock.format](now);
}

/** Null when `seconds` is at most `tolerance` seconds from `now` (in milliseconds), either way. */
export function clockFault(
  seconds: number,
  tolerance: number,
  now: number,
): Extract<SignatureFault, "timestamp-stale" | "timestamp-ahead"> | null {
  const age = Math.floor(now / 1000) - seconds;
  if (age > tolerance) return "timestamp-stale";
  return -age > tolerance ? "timestamp-ahead" : null;
}

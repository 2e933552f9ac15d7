import { vi } from "vitest";

/**
 * The clock of an isolate that several files share: it never goes back. A file that has set the time
 * leaves caches and objects behind that know of it; were the next file to begin earlier, what is old
 * would look fresh. So when a test lets go of the clock, time flows on from where it stood.
 */
const Wall = Date;

/** How far the isolate is ahead of the clock on the wall, in ms. */
let ahead = 0;

class IsolateDate extends Wall {
  constructor(...args: ConstructorParameters<DateConstructor> | []) {
    if (args.length === 0) super(IsolateDate.now());
    else super(...args);
  }

  static override now(): number {
    return Wall.now() + ahead;
  }
}

const STARTED = Symbol.for("rowhouse.isolate-clock");

/** Puts the clock in place; once in an isolate, whichever file comes first. */
export function startIsolateClock(): void {
  const isolate = globalThis as { [STARTED]?: true };
  if (isolate[STARTED]) return;
  isolate[STARTED] = true;
  globalThis.Date = IsolateDate as DateConstructor;
  const letGo = vi.useRealTimers.bind(vi);
  vi.useRealTimers = () => {
    const stoodAt = Date.now();
    const result = letGo();
    ahead = Math.max(ahead, stoodAt - Wall.now());
    return result;
  };
}

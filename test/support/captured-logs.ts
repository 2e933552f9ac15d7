/** Log lines apart from the scan of the whole file: see setup.ts. */

const LEVELS = ["debug", "info", "warn", "error"] as const;

export interface Captured<T> {
  readonly result: T;
  /** As they were written. */
  readonly lines: readonly string[];
  /** The same, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: log lines have fields of every kind
  readonly entries: readonly any[];
}

/** Slugs of tenants that other files of this isolate have left behind. */
const strangers = new Set<string>();

/** From now on nobody is shown what is logged in the background for these tenants. */
export function leaveOut(slugs: readonly string[]): void {
  for (const slug of slugs) strangers.add(slug);
}

/**
 * Runs something and keeps what it logs to itself. Nothing else may log meanwhile, so it is no
 * use for tests that run at once.
 */
export async function captureLogs<T>(run: () => Promise<T>): Promise<Captured<T>> {
  const lines: string[] = [];
  const before = LEVELS.map((level) => [level, console[level]] as const);
  for (const level of LEVELS) {
    console[level] = (...parts: unknown[]) => {
      lines.push(parts.map(String).join(" "));
    };
  }
  try {
    const result = await run();
    const own = lines.filter((line) => !strangers.has(JSON.parse(line).tenant));
    return { result, lines: own, entries: own.map((line) => JSON.parse(line)) };
  } finally {
    for (const [level, write] of before) console[level] = write;
  }
}

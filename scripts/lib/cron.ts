/** Bounds of the five fields: minute, hour, day of the month, month, day of the week (1 is Sunday). */
const BOUNDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [1, 7],
] as const;

/**
 * Whether a cron expression is due in the minute of `when` (UTC, as Cloudflare counts).
 *
 * Knows numbers, `*`, ranges, lists and steps, which is what this project schedules with; names and
 * the letters L and W are refused, so that a schedule is never quietly left out.
 *
 * @throws RangeError on anything that it cannot read
 */
export function isDue(expression: string, when: Date): boolean {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== BOUNDS.length) throw unreadable(expression);
  const now = [
    when.getUTCMinutes(),
    when.getUTCHours(),
    when.getUTCDate(),
    when.getUTCMonth() + 1,
    when.getUTCDay() + 1,
  ];
  const hits = fields.map((field, index) => {
    const [low, high] = BOUNDS[index] as readonly [number, number];
    return valuesOf(field, low, high, expression).has(now[index] as number);
  });

  const [minute, hour, monthDay, month, weekDay] = hits;
  // When both days are restricted, either of them is enough; that is how cron always read them.
  const days = fields[2] === "*" || fields[4] === "*" ? monthDay && weekDay : monthDay || weekDay;
  return Boolean(minute && hour && month && days);
}

function valuesOf(field: string, low: number, high: number, expression: string): Set<number> {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
    if (!match) throw unreadable(expression);
    const [, from, to, every] = match;
    const first = from === undefined ? low : Number(from);
    const last = to !== undefined ? Number(to) : from !== undefined && !every ? first : high;
    const step = every === undefined ? 1 : Number(every);
    if (first < low || last > high || first > last || step < 1) throw unreadable(expression);
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return values;
}

function unreadable(expression: string): RangeError {
  return new RangeError(`Cannot read the cron expression "${expression}".`);
}

const MINUTE_MS = 60_000;

/** Crons of `wrangler.toml`, and how long it is from one firing to the next, in ms. */
export const PERIODS_MS: Readonly<Record<string, number>> = {
  "* * * * *": MINUTE_MS,
  "*/5 * * * *": 5 * MINUTE_MS,
  "*/30 * * * *": 30 * MINUTE_MS,
  "0 * * * *": 60 * MINUTE_MS,
  "10 */4 * * *": 240 * MINUTE_MS,
  "40 2 * * *": 1_440 * MINUTE_MS,
};

/** The cron that looks after all others. */
export const EVERY_MINUTE = "* * * * *";

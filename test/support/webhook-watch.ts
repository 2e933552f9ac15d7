/** Watches a tenant's replays and live events from behind the database, batch by batch. */
import type { Around } from "./d1.ts";
import { firstValue } from "./worker.ts";

/** Replays that may be in flight, as docs/decisions/0009 promises. */
export const REPLAYS_IN_FLIGHT = 5;
/** Live events that one doorbell takes. */
export const LIVE_PER_DRAIN = 25;

/** A live event that nobody has taken yet. */
interface Waiting {
  /** Live events that were due before it when it came. */
  readonly ahead: number;
  /** Replays that had begun by then. */
  readonly begun: number;
}

/**
 * Lets batches through one at a time and looks after each: what it sees is what was there at every
 * moment.
 */
export function openReplayWatch(database: D1Database) {
  const waiting = new Map<string, Waiting>();
  const broken: string[] = [];
  let begun = 0;
  let claims = 0;
  let mostInFlight = 0;
  let mostBefore = 0;
  let worst = "none";
  let worstCount = -1;
  let queue: Promise<unknown> = Promise.resolve();

  const around: Around = (trip, run) => {
    if (trip.kind === "read") return run();
    const done = queue.then(async () => {
      const result = await run();
      const changes = (start: string) => trip.sql.some((text) => text.startsWith(start));
      if (changes('insert into "webhook_attempts"')) claims += 1;
      if (changes('insert into "webhook_')) await look();
      return result;
    });
    queue = done.catch(() => {});
    return done;
  };

  async function look(): Promise<void> {
    const now = Date.now();
    const inFlight = await firstValue<number>(
      database,
      `SELECT count(*) FROM webhook_events
        WHERE replay = 1 AND status = 'processing' AND due_at > ?`,
      now,
    );
    mostInFlight = Math.max(mostInFlight, inFlight);
    if (inFlight > REPLAYS_IN_FLIGHT) broken.push(`${inFlight} replays in flight`);
    const { results } = await database
      .prepare("SELECT id FROM webhook_events WHERE replay = 0 AND due_at <= ? ORDER BY due_at, id")
      .bind(now)
      .all<{ id: string }>();
    const due = new Set(results.map(({ id }) => id));
    for (const [id, event] of waiting) if (!due.has(id)) taken(id, event);
    results.forEach(({ id }, ahead) => {
      if (!waiting.has(id)) waiting.set(id, { ahead, begun });
    });
  }

  function taken(id: string, event: Waiting): void {
    waiting.delete(id);
    const before = begun - event.begun;
    const bound = REPLAYS_IN_FLIGHT * (1 + Math.floor(event.ahead / LIVE_PER_DRAIN));
    if (bound === REPLAYS_IN_FLIGHT) mostBefore = Math.max(mostBefore, before);
    if (before > worstCount) {
      worstCount = before;
      worst = `${before} with ${event.ahead} before it`;
    }
    if (before > bound) broken.push(`${before} replays before ${id}, ${event.ahead} before it`);
  }

  return {
    around,
    /** To be called when a replay is handed to its handler. */
    replayStarted: () => {
      begun += 1;
    },
    isPending: async () =>
      (await firstValue<number>(
        database,
        "SELECT count(*) FROM webhook_events WHERE due_at IS NOT NULL",
      )) > 0,
    broken: (): readonly string[] => broken,
    figures: () => ({ claims, mostInFlight, mostBefore, worst }),
  };
}

import { isDue } from "./cron.ts";
import { send } from "./http.ts";

const MINUTE = 60_000;

/**
 * Fires the Worker's scheduled handler for every cron that is due, at each full minute, until
 * stopped. `wrangler dev` leaves that to whoever runs it.
 *
 * @param onTrouble called with a line for a person when a run fails
 * @returns stops the clock
 * @throws RangeError at once for a cron that cannot be read
 */
export function startCronClock(
  port: number,
  crons: readonly string[],
  onTrouble: (line: string) => void,
): () => void {
  for (const cron of crons) isDue(cron, new Date());
  let timer: NodeJS.Timeout;
  const wait = () => {
    timer = setTimeout(tick, MINUTE - (Date.now() % MINUTE));
  };
  const tick = () => {
    const now = new Date();
    for (const cron of crons.filter((expression) => isDue(expression, now))) {
      fire(port, cron, now).catch((error: Error) => onTrouble(`cron "${cron}": ${error.message}`));
    }
    wait();
  };
  wait();
  return () => clearTimeout(timer);
}

/**
 * Runs the scheduled handler once, as the platform would.
 *
 * @throws Error when the handler threw or did not end within a minute
 */
export async function fire(port: number, cron: string, time: Date): Promise<void> {
  const query = new URLSearchParams({ cron, time: String(time.getTime()), format: "json" });
  const path = `/cdn-cgi/local/scheduled?${query}`;
  const answer = await send({ port, path, timeoutMs: MINUTE });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text.slice(0, 300)}`);
}

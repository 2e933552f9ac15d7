import { ID_SUFFIX, idFrom } from "../ids.ts";
import { ROUNDS, type Round } from "./chores.ts";
import { PERIODS_MS } from "./crons.ts";
import { type Bell, type Doorbell, doorbell, type House, type JobAddress } from "./doorbell.ts";

/** Which run a bell belongs to, and the tenant's place in it, from 0. */
export interface PlaceInRun {
  readonly runId: string;
  readonly place: number;
}

const PREFIX = "rounds.";
const ITEM = new RegExp(`^(run_${ID_SUFFIX})\\.([0-9]{1,6})$`);

/** The job that a round's bells call for. */
export function roundJob(round: Round): JobAddress {
  return { name: PREFIX + round, queue: "doorbells" };
}

export function roundBell(round: Round, house: House, { runId, place }: PlaceInRun): Bell {
  return doorbell(roundJob(round), house, { item: `${runId}.${place}` });
}

/** Where a bell is counted; null for those of no round. */
export function placeOf({ job, item = "" }: Doorbell): PlaceInRun | null {
  const [, runId, place] = ITEM.exec(item) ?? [];
  return roundOf(job) && runId ? { runId, place: Number(place) } : null;
}

/** Whether it is a round that the bell belongs to. */
export function isOfRound({ job }: Doorbell): boolean {
  return roundOf(job) !== undefined;
}

/**
 * Whether the next run of the bell's round has begun by now. Then its work is the next one's: bells
 * that are late, or rung again where a tenant is broken, would become more with each round.
 */
export function isOver(bell: Doorbell, now: number): boolean {
  const place = placeOf(bell);
  const round = roundOf(bell.job);
  if (!place || !round) return false;
  const period = PERIODS_MS[ROUNDS[round].cron] ?? 0;
  return place.runId < idFrom("jobRun", new Date(now - period));
}

function roundOf(job: string): Round | undefined {
  const name = job.startsWith(PREFIX) ? job.slice(PREFIX.length) : "";
  return name in ROUNDS ? (name as Round) : undefined;
}

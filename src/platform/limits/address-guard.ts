import { inTime } from "../in-time.ts";

/** How long the location's own counter may take, in ms: it is not worth waiting for. */
const COUNTER_MS = 250;

/**
 * Whether the location's own counter still lets the address through; costs no object a call.
 * @throws when the counter does not answer
 */
export async function guardLets(guard: RateLimit, address: string): Promise<boolean> {
  const late = () => new Error(`The counter did not answer within ${COUNTER_MS} ms.`);
  return (await inTime(guard.limit({ key: address }), COUNTER_MS, late)).success;
}

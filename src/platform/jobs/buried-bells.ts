import type { Bindings } from "../../env.ts";
import { createLogger, errorFields } from "../observe/logger.ts";
import type { Bell, Doorbell } from "./doorbell.ts";
import { queueOf } from "./queues.ts";
import { isOfRound, isOver } from "./round-bells.ts";

/** Pause before a bell that was rung in vain so often that it was buried is rung anew, in seconds. */
const AGAIN_SECONDS = 300;
/** The same for one of a round. */
const ROUND_AGAIN_SECONDS = 3_600;

/** How a bell is rung anew. */
interface Anew {
  readonly body: Doorbell;
  readonly delaySeconds: number;
}

/**
 * Rings a bell that the platform gave up on, because a database was down: its work is still due. The
 * platform buries the bells of all queues in one, so it is the job that tells where this one belongs.
 * @returns whether it is settled; a queue that refuses it must not hold up the rest of the batch
 */
export async function ringAnew({ queue, body }: Bell, env: Bindings): Promise<boolean> {
  const anew = anewOf(body);
  if (!anew) return true;
  try {
    await queueOf(env, queue).send(anew.body, { delaySeconds: anew.delaySeconds });
    return true;
  } catch (error) {
    createLogger().warn("doorbell not rung again", { job: body.job, ...errorFields(error) });
    return false;
  }
}

/**
 * One of a round comes once more only, and not where its work is the next run's by then: what fails
 * may be a chore, which would fail all day. The run's row says that the tenant has failed.
 */
function anewOf(bell: Doorbell): Anew | null {
  if (!isOfRound(bell)) return { body: bell, delaySeconds: AGAIN_SECONDS };
  const then = Date.now() + ROUND_AGAIN_SECONDS * 1_000;
  if (bell.again || isOver(bell, then)) return null;
  return { body: { ...bell, again: true }, delaySeconds: ROUND_AGAIN_SECONDS };
}

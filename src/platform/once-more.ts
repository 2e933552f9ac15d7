import { Failure } from "./problems.ts";

/** So often what was read may have changed by the time of the commit. */
const TRIES = 5;

/**
 * Does it again from its read on when somebody else was faster.
 * @throws Failure `conflict` when somebody always is
 */
export async function onceMore<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const isLost = error instanceof Failure && error.code === "conflict";
      if (!isLost || attempt === TRIES) throw error;
    }
  }
}

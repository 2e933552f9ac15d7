import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ApiProblem } from "../operators-api.ts";
import { GENERATED } from "../paths.ts";
import { runWrangler, wranglerEnv } from "../wrangler.ts";
import { type Cloudflare, cloudflare } from "./cloudflare.ts";

/** What the steps of a deploy work with. */
export interface Tools {
  readonly api: Cloudflare;
  /** Runs a command of wrangler's to its end. */
  readonly wrangler: (args: readonly string[]) => Promise<string>;
  /** What wrangler runs in. */
  readonly env: NodeJS.ProcessEnv;
  /** The secret of all cells; wanted where one has none. */
  readonly masterKey: string | undefined;
  /** Tells a person what is being done. */
  readonly say: (line: string) => void;
  /** How long a new version may take until it answers everywhere, in ms. */
  readonly patienceMs: number;
}

/** @throws Error for a person when a setting is missing or wrong */
export function toolsOf(env: NodeJS.ProcessEnv = process.env): Tools {
  const patience = Number(env.ROWHOUSE_PATIENCE || 60);
  if (!(patience >= 0)) throw new Error("ROWHOUSE_PATIENCE must be a number of seconds.");
  // Other people's program: it gets the token, which it needs, and no secret of ours.
  const { MASTER_KEY: masterKey, ROWHOUSE_OPERATOR_PASSWORD: _, ...rest } = env;
  const own = wranglerEnv(join(GENERATED, "deploy", "wrangler"), rest);
  return {
    api: cloudflare(env),
    wrangler: (args) => runWrangler(args, own),
    env: own,
    masterKey,
    say: (line) => console.log(line),
    patienceMs: patience * 1_000,
  };
}

/**
 * Tries a check until it passes: what was deployed reaches Cloudflare's places one after another.
 *
 * @throws Error the check's own, when it still fails after `patienceMs`
 */
export async function eventually<T>(patienceMs: number, check: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= deadline || isRefusal(error)) throw error;
      await pause(Math.min(1_000, patienceMs));
    }
  }
}

/** Who is refused is not to try again and again: that would lock the account. */
export function isRefusal(error: unknown): error is ApiProblem {
  return error instanceof ApiProblem && [401, 403, 429].includes(error.status);
}

/** Calls of Cloudflare's API at a time. */
const AT_A_TIME = 4;

/** Does a thing for each item, a few at a time. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values();
  const hand = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, hand));
}

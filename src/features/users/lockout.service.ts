import { testPassword } from "../../platform/access/passwords.ts";
import type { Ctx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import {
  commitAside,
  IdempotencyRace,
  type Step,
  storedAnswer,
} from "../../platform/tenancy/index.ts";
import {
  clearFailures,
  countFailure,
  EVERYWHERE,
  stillUnlocked,
  sweepFailures,
} from "./lockout.repository.ts";

/** Somebody claims to own an e-mail and shows a password. */
export interface Attempt {
  readonly email: string;
  /** Stored hash; null when nobody has the e-mail. */
  readonly stored: string | null;
  readonly password: string;
  /** The network to count a failure for, or who stands for one. */
  readonly network: string;
  /** Whether a failure also counts for all networks together. */
  readonly everywhere: boolean;
  /** The lock that stands already, as read. */
  readonly lockedUntil: Date | null;
  readonly userId: string | null;
}

/** What the attempt is for, as audit rows name it, and what a wrong password means to the caller. */
export interface Purpose {
  readonly failed: string;
  readonly locked: string;
  readonly wrong: "invalid-credentials" | "wrong-password";
}

/**
 * Compares the password. Locks come before hashing, whether or not the account exists; failures
 * are counted for both alike, with the same number of hashes and queries.
 * @returns steps that belong into the commit of what the password allows, and whether the stored
 * hash should be made anew
 * @throws Failure `sign-in-locked`, the purpose's `wrong`, `overloaded`
 */
export async function provePassword(
  ctx: Ctx,
  attempt: Attempt,
  purpose: Purpose,
): Promise<{ readonly steps: readonly Step[]; readonly outdated: boolean }> {
  const target = attempt.userId ? { target: attempt.userId } : {};
  const entry = { ...target, details: { email: attempt.email }, summed: true } as const;
  if (attempt.lockedUntil && attempt.lockedUntil.getTime() > Date.now()) {
    await passReplay(ctx);
    await commitAside(ctx, [], [{ action: purpose.locked, ...entry }]);
    const retryAfter = (attempt.lockedUntil.getTime() - Date.now()) / 1_000;
    throw new Failure("sign-in-locked", undefined, { retryAfter });
  }
  const verdict = await testPassword(ctx, attempt.stored, attempt.password);
  const networks = [attempt.network, ...(attempt.everywhere ? [EVERYWHERE] : [])];
  if (!verdict.ok) {
    await passReplay(ctx);
    const steps = [...networks.map((name) => countFailure(attempt.email, name)), sweepFailures()];
    await commitAside(ctx, steps, [{ action: purpose.failed, ...entry }]);
    throw new Failure(purpose.wrong);
  }
  return {
    steps: [stillUnlocked(attempt.email, networks), clearFailures(attempt.email, attempt.network)],
    outdated: verdict.outdated,
  };
}

/**
 * Who repeats a change of password shows the old one. Under a key that was used that is no guess.
 * @throws IdempotencyRace for which the caller is given the stored answer
 */
async function passReplay(ctx: Ctx): Promise<void> {
  if (ctx.idempotency && (await storedAnswer(ctx.db, ctx.idempotency.key))) {
    throw new IdempotencyRace();
  }
}

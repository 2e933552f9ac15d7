import type { Ctx } from "../context.ts";
import { createHashGate, type HashGate, HashGateFull } from "../crypto/hash-gate.ts";
import {
  hashPassword,
  OWASP_SCRYPT,
  type PasswordVerdict,
  type ScryptParams,
  verifyAgainstNobody,
  verifyPassword,
} from "../crypto/password-hash.ts";
import { checkPassword, type PasswordFault } from "../crypto/password-policy.ts";
import { Failure } from "../problems.ts";

/** One gate per isolate and queue length. */
const gates = new Map<number, HashGate>();

/** What is wrong with a password, after "The password". */
export const REASONS: Record<PasswordFault, string> = {
  "too-short": "must have at least 12 characters",
  "too-long": "must have at most 256 characters",
  "too-common": "is among the passwords that attackers try first",
  "contains-email": "must not be made of the e-mail address",
};

/**
 * Hashes a password for storage.
 * @throws Failure `overloaded` when too many hashes wait in this isolate
 */
export function protectPassword(ctx: Ctx, password: string): Promise<string> {
  return gated(ctx, () => hashPassword(password, paramsOf(ctx)));
}

/**
 * Compares a password with what is stored; for nobody (null) at the same cost of one hash.
 * @throws Failure `overloaded`
 */
export function testPassword(
  ctx: Ctx,
  stored: string | null,
  password: string,
): Promise<PasswordVerdict> {
  return gated(ctx, () =>
    stored === null
      ? verifyAgainstNobody(password, paramsOf(ctx))
      : verifyPassword(stored, password, paramsOf(ctx)),
  );
}

/**
 * @param pointer where the password stands in the body
 * @throws Failure `validation-failed` for a password that guessers try early
 */
export function requireGoodPassword(password: string, email: string, pointer: string): void {
  const fault = checkPassword(password, email);
  if (!fault) return;
  throw new Failure("validation-failed", "The password is too easy to guess.", {
    errors: [{ pointer, message: REASONS[fault] }],
  });
}

function paramsOf(ctx: Ctx): ScryptParams {
  return { ...OWASP_SCRYPT, ln: ctx.settings.PASSWORD_SCRYPT_LN };
}

async function gated<T>(ctx: Ctx, work: () => Promise<T>): Promise<T> {
  const limit = ctx.settings.PASSWORD_QUEUE;
  const gate = gates.get(limit) ?? createHashGate(limit);
  gates.set(limit, gate);
  try {
    return await gate.run(work);
  } catch (error) {
    if (error instanceof HashGateFull) throw new Failure("overloaded", undefined, { cause: error });
    throw error;
  }
}

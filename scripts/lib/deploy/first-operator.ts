import { REASONS } from "../../../src/platform/access/passwords.ts";
import { checkPassword } from "../../../src/platform/crypto/password-policy.ts";
import { createOperator } from "../operator.ts";
import type { Credentials } from "../operators-api.ts";
import type { Registry } from "./deployed.ts";
import type { Plan } from "./plan.ts";
import type { Site } from "./site.ts";
import { isRefusal, type Tools } from "./tools.ts";

/** Makes the operator whom the deploy goes on as, where nobody can sign in yet. */
export async function makeFirstOperator(
  { home, newOperator }: Plan,
  credentials: Credentials,
  { env, say }: Tools,
): Promise<void> {
  if (!newOperator) return;
  say(`Making the first operator, ${credentials.email}.`);
  await createOperator(credentials, { args: ["--remote", "--config", home.file], env });
}

/** Why these cannot become the first operator's; nothing where there are operators. */
export function operatorFaults({ hasOperators }: Registry, login: Credentials): string[] {
  const fault = hasOperators ? undefined : checkPassword(login.password, login.email);
  return fault ? [`ROWHOUSE_OPERATOR_PASSWORD ${REASONS[fault]}.`] : [];
}

/**
 * Why the operator could not do what comes after the upload; asked before anything is changed. A site that
 * does not answer, or is unwell, is no reason: this deploy may be what mends it.
 */
export async function signInFaults({ newOperator }: Plan, { operators }: Site): Promise<string[]> {
  if (newOperator) return [];
  try {
    await operators.call({ path: "/cells?limit=1" });
    return [];
  } catch (error) {
    if (!isRefusal(error)) return [];
    return [`The operator of ROWHOUSE_OPERATOR_EMAIL is refused: ${error.message}`];
  }
}

import { principalName } from "../access/principal.ts";
import type { Ctx, IdempotencyClaim } from "../context.ts";
import { open, seal } from "../crypto/envelope.ts";
import { fingerprint } from "../crypto/fingerprint.ts";
import { Failure, PROBLEMS } from "../problems.ts";
import { IdempotencyRace, storedAnswer } from "../tenancy/index.ts";
import type { AppContext } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Rendered } from "./render.ts";

/** Visible ASCII, as in draft-ietf-httpapi-idempotency-key-header; quotes are part of the key. */
const KEY = /^[\x21-\x7e]{1,255}$/;

const PURPOSE = "idempotency";

/** Whether the endpoint keeps answers. */
export function keepsAnswers(endpoint: Endpoint): boolean {
  return endpoint.method !== "get" && endpoint.idempotency !== "off";
}

/**
 * Reads `Idempotency-Key`. The key belongs to the principal, method and path; what was asked for
 * is remembered with it.
 * @returns undefined when there is no header
 */
export async function claimOf(
  c: AppContext,
  ctx: Ctx,
  input: unknown,
  render: (result: unknown) => Promise<Rendered>,
): Promise<IdempotencyClaim | undefined> {
  const header = c.req.header("idempotency-key");
  if (header === undefined) return undefined;
  if (!KEY.test(header)) {
    throw new Failure("malformed-request", "Idempotency-Key takes 1 to 255 visible characters.");
  }
  const hash = (parts: unknown) =>
    fingerprint(
      ctx.settings.MASTER_KEY,
      { realm: ctx.realm.id, purpose: PURPOSE },
      JSON.stringify(parts),
    );
  const key = await hash([principalName(ctx.principal), c.req.method, c.req.path, header]);
  return {
    key,
    payload: await hash(input),
    seal: async (result) =>
      seal(ctx.settings.MASTER_KEY, sealContext(ctx, key), JSON.stringify(await render(result))),
  };
}

/**
 * Runs the use case; where it fails because an equal request was faster, or fails or finds nothing
 * to do because that request's effect is already there, gives that request's answer instead.
 * @param run tells too whether it committed anything
 * @throws Failure `idempotency-mismatch`, `idempotency-in-progress`, or the use case's own
 */
export async function orStoredAnswer(
  ctx: Ctx,
  claim: IdempotencyClaim | undefined,
  run: () => Promise<{ readonly rendered: Rendered; readonly committed: boolean }>,
): Promise<Rendered> {
  let outcome: Awaited<ReturnType<typeof run>>;
  try {
    outcome = await run();
  } catch (error) {
    if (!claim || !mayBeRepeated(error)) throw error;
    const stored = await readStored(ctx, claim);
    if (!stored) throw error instanceof IdempotencyRace ? inProgress(error) : error;
    return stored;
  }
  if (!claim || outcome.committed) return outcome.rendered;
  return (await readStored(ctx, claim)) ?? outcome.rendered;
}

async function readStored(ctx: Ctx, claim: IdempotencyClaim): Promise<Rendered | null> {
  const stored = await storedAnswer(ctx.db, claim.key);
  if (!stored) return null;
  if (stored.payload !== claim.payload) throw new Failure("idempotency-mismatch");
  const json = await open(ctx.settings.MASTER_KEY, sealContext(ctx, claim.key), stored.answer);
  return JSON.parse(json) as Rendered;
}

/** A refusal may be the shadow of the first request's success: gone, taken, changed. */
function mayBeRepeated(error: unknown): boolean {
  if (error instanceof IdempotencyRace) return true;
  return error instanceof Failure && PROBLEMS[error.code].status < 500;
}

function inProgress(cause: Error): Failure {
  return new Failure("idempotency-in-progress", undefined, { cause });
}

function sealContext(ctx: Ctx, key: string) {
  return { realm: ctx.realm.id, purpose: PURPOSE, row: key };
}

import type { TenantCtx } from "../../platform/context.ts";
import { toBase64 } from "../../platform/crypto/encoding.ts";
import { open, seal } from "../../platform/crypto/envelope.ts";
import { randomBytes } from "../../platform/crypto/random.ts";
import { newId } from "../../platform/ids.ts";
import type { SecretRow } from "./destinations.repository.ts";

/** Standard Webhooks asks for 24 to 64 random bytes. */
const SECRET_BYTES = 32;
const PURPOSE = "destination-secret";

/** A new secret's row, and the secret itself, which is never stored in the clear. */
export async function newSecret(
  ctx: TenantCtx,
  destinationId: string,
): Promise<{ readonly row: SecretRow; readonly plain: string }> {
  const id = newId("secret");
  const plain = `whsec_${toBase64(randomBytes(SECRET_BYTES))}`;
  const sealed = await seal(ctx.settings.MASTER_KEY, contextOf(ctx, id), plain);
  return { row: { id, destinationId, sealed, createdAt: new Date(), expiresAt: null }, plain };
}

/** @throws EnvelopeError when the row was changed, or is another tenant's */
export function openSecret(
  ctx: TenantCtx,
  { id, sealed }: Pick<SecretRow, "id" | "sealed">,
): Promise<string> {
  return open(ctx.settings.MASTER_KEY, contextOf(ctx, id), sealed);
}

/** Whether a secret signs at this time (ms). */
export function isLive({ expiresAt }: Pick<SecretRow, "expiresAt">, now: number): boolean {
  return expiresAt === null || expiresAt.getTime() > now;
}

function contextOf(ctx: TenantCtx, row: string) {
  return { realm: ctx.realm.id, purpose: PURPOSE, row };
}

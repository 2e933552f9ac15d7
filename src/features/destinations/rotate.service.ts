import type { TenantCtx } from "../../platform/context.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { newSecret } from "./destination-secrets.ts";
import {
  deleteSecrets,
  expireSecret,
  insertSecret,
  updateDestination,
} from "./destinations.repository.ts";
import { get, type WithSecret } from "./destinations.service.ts";

/** How long the secret before signs besides the new one, in ms: receivers change over in peace. */
const OVERLAP_MS = 86_400_000;

/**
 * Gives a destination a new secret. The one before signs for a day more; of older ones none is left,
 * so that at most two live.
 * @throws Failure `not-found`, `precondition-failed`, `conflict`
 */
export async function rotate(ctx: TenantCtx, id: string, ifMatch: IfMatch): Promise<WithSecret> {
  const { secrets, ...before } = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  const { row, plain } = await newSecret(ctx, id);
  const now = row.createdAt;
  const [previous, ...old] = secrets;
  const expiresAt = new Date(now.getTime() + OVERLAP_MS);
  const signing = previous ? [{ ...previous, expiresAt }] : [];
  const next = { updatedAt: now, version: before.version + 1 };
  return commit(
    ctx,
    [
      updateDestination(id, before.version, next, lostRace(ifMatch)),
      ...signing.map((secret) => expireSecret(secret.id, expiresAt)),
      ...(old.length > 0 ? [deleteSecrets(old.map((secret) => secret.id))] : []),
      insertSecret(row),
    ],
    [
      { action: "destination_secret.added", target: row.id, details: { destination: id } },
      ...old.map((secret) => ({ action: "destination_secret.expired", target: secret.id })),
    ],
    { view: { ...before, ...next, secrets: [row, ...signing] }, secret: plain },
  );
}

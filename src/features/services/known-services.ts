import type { TenantCtx } from "../../platform/context.ts";
import { createExpiring } from "./expiring.ts";
import { openSecret } from "./secrets.ts";
import { findService } from "./services.repository.ts";
import type { WebhookSettings } from "./services.schemas.ts";

/** What receiving needs to know of a service. */
export interface WebhookService {
  readonly id: string;
  readonly slug: string;
  readonly settings: WebhookSettings;
  /** In the clear; both are tried. */
  readonly secrets: readonly string[];
}

/** How long an isolate believes what it read, in ms: a rotated secret counts everywhere after it. */
const FRESH_MS = 5_000;
/** How long it believes that there is nothing, in ms: a new service is called soon. */
const ABSENT_MS = 2_000;
/** Services kept per isolate, and as many slugs of none. */
const KEPT = 1_000;

const known = createExpiring<WebhookService>(KEPT, FRESH_MS);
/** In a map of its own, so that made-up slugs drive out no service. */
const absent = createExpiring<true>(KEPT, ABSENT_MS);

/** A service that sends webhooks; null when there is none of that slug, or it sends none. */
export async function findWebhookService(
  ctx: TenantCtx,
  slug: string,
): Promise<WebhookService | null> {
  const key = keyOf(ctx.realm.id, slug);
  const seen = known.get(key);
  if (seen) return seen;
  if (absent.get(key)) return null;
  const readAt = Date.now();
  const row = await findService(ctx.db, slug, "primary");
  if (!row?.webhook) {
    absent.set(key, true, readAt);
    return null;
  }
  const secrets = await Promise.all(row.secrets.map((secret) => openSecret(ctx, secret)));
  const service = { id: row.id, slug: row.slug, settings: row.webhook, secrets };
  known.set(key, service, readAt);
  return service;
}

/** Drops what this isolate believes, after a change that it made itself. */
export function forgetWebhooks(realmId: string, slug: string): void {
  known.delete(keyOf(realmId, slug));
  absent.delete(keyOf(realmId, slug));
}

function keyOf(realmId: string, slug: string): string {
  return `${realmId}|${slug}`;
}

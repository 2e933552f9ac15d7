import type { TenantCtx } from "../../platform/context.ts";
import { createLru } from "../../platform/lru.ts";
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
/** Services kept per isolate. */
const KEPT = 1_000;

const known = createLru<{ readonly service: WebhookService; readonly until: number }>(KEPT);

/** A service that sends webhooks; null when there is none of that slug, or it sends none. */
export async function findWebhookService(
  ctx: TenantCtx,
  slug: string,
): Promise<WebhookService | null> {
  const key = keyOf(ctx.realm.id, slug);
  const seen = known.get(key);
  if (seen && Date.now() < seen.until) return seen.service;
  const until = Date.now() + FRESH_MS;
  const row = await findService(ctx.db, slug, "primary");
  if (!row?.webhook) return null;
  const secrets = await Promise.all(row.secrets.map((secret) => openSecret(ctx, secret)));
  const service = { id: row.id, slug: row.slug, settings: row.webhook, secrets };
  known.set(key, { service, until });
  return service;
}

/** Drops what this isolate believes, after a change that it made itself. */
export function forgetWebhooks(realmId: string, slug: string): void {
  known.delete(keyOf(realmId, slug));
}

function keyOf(realmId: string, slug: string): string {
  return `${realmId}|${slug}`;
}

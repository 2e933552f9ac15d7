import type { BreakerOrder } from "../../platform/breaker/index.ts";
import type { TenantCtx } from "../../platform/context.ts";
import { type RealmPlan, warnOfUnknownPlan } from "../../platform/limits/plans.ts";
import { openCredential } from "./api-credential.ts";
import { type CompleteApi, completeApi } from "./api-settings.ts";
import { createExpiring } from "./expiring.ts";
import { findServiceAndPlan, type ServiceAndPlan } from "./known-services.repository.ts";
import { openSecret } from "./secrets.ts";
import type { ServiceView } from "./services.repository.ts";
import type { WebhookSettings } from "./services.schemas.ts";

/** What receiving needs to know of a service. */
export interface WebhookService {
  readonly id: string;
  readonly slug: string;
  readonly settings: WebhookSettings;
  /** In the clear; both are tried. */
  readonly secrets: readonly string[];
  /** How many webhooks the tenant may be sent. */
  readonly plan: RealmPlan;
}

/** What calling needs to know of a service. */
export interface ApiService {
  readonly id: string;
  readonly slug: string;
  /** Null where it is not called. */
  readonly settings: CompleteApi | null;
  /** In the clear; null where none is stored. */
  readonly credential: string | null;
  /** Changes with the credential. */
  readonly credentialId: string | null;
  /** What was last ordered of its circuit breaker by hand. */
  readonly order: BreakerOrder;
}

/** How long an isolate believes what it read, in ms: a rotated secret counts everywhere after it. */
const FRESH_MS = 5_000;
/** How long it believes that there is nothing, in ms: a new service is called soon. */
const ABSENT_MS = 2_000;
/** Services kept per isolate, and as many slugs of none. */
const KEPT = 1_000;

/** A row as it was read, and what was opened of it so far: what nobody asks for stays sealed. */
interface Known extends ServiceAndPlan {
  webhook?: WebhookService;
  api?: ApiService;
}

const known = createExpiring<Known>(KEPT, FRESH_MS);
/** In a map of its own, so that made-up slugs drive out no service. */
const absent = createExpiring<true>(KEPT, ABSENT_MS);

/**
 * A service that sends webhooks; null when there is none of that slug, or it sends none.
 * @param beforeAsking called before the database is asked for what this isolate does not know
 */
export async function findWebhookService(
  ctx: TenantCtx,
  slug: string,
  beforeAsking?: () => void | Promise<void>,
): Promise<WebhookService | null> {
  const entry = await find(ctx, slug, beforeAsking);
  if (!entry?.row.webhook) return null;
  entry.webhook ??= await webhookOf(ctx, entry, entry.row.webhook);
  return entry.webhook;
}

/** A service and how it is called; null when there is none of that slug. */
export async function findApiService(ctx: TenantCtx, slug: string): Promise<ApiService | null> {
  const entry = await find(ctx, slug);
  if (!entry) return null;
  entry.api ??= await apiOf(ctx, entry.row);
  return entry.api;
}

/** Drops what this isolate believes, after a change that it made itself. */
export function forgetService(realmId: string, slug: string): void {
  known.delete(keyOf(realmId, slug));
  absent.delete(keyOf(realmId, slug));
}

async function find(
  ctx: TenantCtx,
  slug: string,
  beforeAsking?: () => void | Promise<void>,
): Promise<Known | null> {
  const key = keyOf(ctx.realm.id, slug);
  const seen = known.get(key);
  if (seen) return seen;
  if (absent.get(key)) return null;
  await beforeAsking?.();
  const readAt = Date.now();
  const entry = await findServiceAndPlan(ctx.db, slug);
  if (!entry) {
    absent.set(key, true, readAt);
    return null;
  }
  warnOfUnknownPlan(ctx, entry.plan);
  known.set(key, entry, readAt);
  return entry;
}

async function webhookOf(
  ctx: TenantCtx,
  { row, plan }: Known,
  settings: WebhookSettings,
): Promise<WebhookService> {
  const secrets = await Promise.all(row.secrets.map((secret) => openSecret(ctx, secret)));
  return { id: row.id, slug: row.slug, settings, secrets, plan };
}

async function apiOf(ctx: TenantCtx, row: ServiceView): Promise<ApiService> {
  return {
    id: row.id,
    slug: row.slug,
    settings: row.api && completeApi(row.api),
    credential: await openCredential(ctx, row),
    credentialId: row.apiCredentialId,
    order: { mode: row.breakerMode, version: row.breakerVersion },
  };
}

function keyOf(realmId: string, slug: string): string {
  return `${realmId}|${slug}`;
}

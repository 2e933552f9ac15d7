import type { TenantCtx } from "../../platform/context.ts";
import { constantTimeEqual } from "../../platform/crypto/digest.ts";
import { utf8 } from "../../platform/crypto/encoding.ts";
import { open, seal } from "../../platform/crypto/envelope.ts";
import { newId } from "../../platform/ids.ts";
import { Failure } from "../../platform/problems.ts";
import { settingsFaults } from "../../platform/signatures/index.ts";
import { isMasked } from "./notification-url.ts";
import type { SecretRow } from "./services.repository.ts";
import type { WebhookSettings } from "./services.schemas.ts";

/** A secret's row, and the secret itself. The latter is never stored or shown. */
type Secret = SecretRow & { readonly plain: string };

const PURPOSE = "service-secret";

/** @throws Failure `validation-failed` naming each setting that the scheme cannot work with */
export function requireUsable(settings: WebhookSettings, secrets: readonly string[]): void {
  const faults = settingsFaults(settings, secrets).map(({ option, message }) => ({
    pointer: `/webhook/${option}`,
    message,
  }));
  if (secrets.length === 0) faults.push({ pointer: "/webhook/secrets", message: "is required" });
  if (isMasked(settings)) {
    const message = "has *** for user and password: send them as the provider has them";
    faults.push({ pointer: "/webhook/notification_url", message });
  }
  if (faults.length === 0) return;
  throw new Failure("validation-failed", "Some values are not valid.", { errors: faults });
}

/**
 * What becomes of a service's secrets when these are wanted: one that is there already stays as it
 * is, with its id and time.
 * @param wanted undefined: all stay
 */
export async function keepSecrets(
  ctx: TenantCtx,
  serviceId: string,
  there: readonly SecretRow[],
  wanted: readonly string[] | undefined,
): Promise<{ kept: Secret[]; added: Secret[]; gone: Secret[] }> {
  const opened = await Promise.all(
    there.map(async (row) => ({ ...row, plain: await openSecret(ctx, row) })),
  );
  if (wanted === undefined) return { kept: opened, added: [], gone: [] };
  const same = (a: string, b: string) => constantTimeEqual(utf8(a), utf8(b));
  const kept = opened.filter(({ plain }) => wanted.some((text) => same(text, plain)));
  const gone = opened.filter((secret) => !kept.includes(secret));
  const fresh = [...new Set(wanted)].filter((text) => !kept.some(({ plain }) => same(plain, text)));
  const added = await Promise.all(fresh.map((plain) => sealSecret(ctx, serviceId, plain)));
  return { kept, added, gone };
}

/** @throws EnvelopeError when the row was changed, or is another tenant's */
export function openSecret(ctx: TenantCtx, row: SecretRow): Promise<string> {
  return open(ctx.settings.MASTER_KEY, contextOf(ctx, row.id), row.sealed);
}

async function sealSecret(ctx: TenantCtx, serviceId: string, plain: string): Promise<Secret> {
  const id = newId("secret");
  const sealed = await seal(ctx.settings.MASTER_KEY, contextOf(ctx, id), plain);
  return { id, serviceId, sealed, createdAt: new Date(), plain };
}

function contextOf(ctx: TenantCtx, row: string) {
  return { realm: ctx.realm.id, purpose: PURPOSE, row };
}

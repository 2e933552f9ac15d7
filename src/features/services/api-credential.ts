import type { TenantCtx } from "../../platform/context.ts";
import { open, seal } from "../../platform/crypto/envelope.ts";
import { newId } from "../../platform/ids.ts";
import { addressFault } from "../../platform/outbound/index.ts";
import { Failure } from "../../platform/problems.ts";
import type { AuditEntry } from "../../platform/tenancy/index.ts";
import type { ApiInput, AuthInput } from "./api.schemas.ts";
import type { ApiAuth, ApiSettings } from "./api-settings.ts";
import type { ServiceRow } from "./services.repository.ts";

/** What a service's row holds of its API. */
export type ApiColumns = Pick<ServiceRow, "api" | "apiCredential" | "apiCredentialId">;

const PURPOSE = "service-credential";

/**
 * What becomes of a service's API section and its credential when this is wanted. A credential stays
 * for the origin and the kind of authentication that it was entered for: for another it is void, so
 * that nobody who may change an address gets it sent there.
 * @param wanted undefined: all stays; null: the section goes
 * @throws Failure `validation-failed` for an address that must not be called
 */
export async function keepApi(
  ctx: TenantCtx,
  serviceId: string,
  there: ApiColumns,
  wanted: ApiInput | null | undefined,
): Promise<{ columns: ApiColumns; audit: AuditEntry[] }> {
  if (wanted === undefined) return { columns: columnsOf(there), audit: [] };
  const erased = there.apiCredentialId
    ? [{ action: "service_credential.erased", target: there.apiCredentialId }]
    : [];
  const none = { apiCredential: null, apiCredentialId: null };
  if (wanted === null) return { columns: { api: null, ...none }, audit: erased };
  const { auth, secret } = apart(wanted.auth);
  const api = settingsOf(wanted, auth);
  requireCallable(ctx, api);
  if (secret !== undefined) {
    const apiCredentialId = newId("secret");
    const context = contextOf(ctx, serviceId, api, apiCredentialId);
    const apiCredential = await seal(ctx.settings.MASTER_KEY, context, secret);
    const added = { action: "service_credential.added", target: apiCredentialId };
    return { columns: { api, apiCredential, apiCredentialId }, audit: [...erased, added] };
  }
  if (there.api && isSameUse(there.api, api)) {
    return { columns: { ...columnsOf(there), api }, audit: [] };
  }
  return { columns: { api, ...none }, audit: erased };
}

/**
 * A service's credential in the clear; null where none is stored.
 * @throws EnvelopeError when the row was changed, or is another tenant's
 */
export async function openCredential(
  ctx: TenantCtx,
  { id, api, apiCredential, apiCredentialId }: ApiColumns & Pick<ServiceRow, "id">,
): Promise<string | null> {
  if (!api || apiCredential === null || apiCredentialId === null) return null;
  return open(ctx.settings.MASTER_KEY, contextOf(ctx, id, api, apiCredentialId), apiCredential);
}

/** For its tenant, its service and the origin that it was entered for: elsewhere it opens nothing. */
function contextOf(ctx: TenantCtx, serviceId: string, api: ApiSettings, id: string) {
  const row = JSON.stringify([serviceId, id, new URL(api.base_url).origin]);
  return { realm: ctx.realm.id, purpose: PURPOSE, row };
}

function isSameUse(before: ApiSettings, after: ApiSettings): boolean {
  const origins = [before, after].map(({ base_url }) => new URL(base_url).origin);
  return origins[0] === origins[1] && before.auth.type === after.auth.type;
}

/** How it authenticates, and with what, which is stored elsewhere. */
function apart(auth: AuthInput): { auth: ApiAuth; secret: string | undefined } {
  switch (auth.type) {
    case "none":
      return { auth: { type: "none" }, secret: undefined };
    case "bearer":
      return { auth: { type: "bearer" }, secret: auth.token };
    case "basic":
      return { auth: { type: "basic", username: auth.username }, secret: auth.password };
    case "header":
      return { auth: { type: "header", name: auth.name }, secret: auth.value };
  }
}

/** What was set, without what was not. */
function settingsOf(wanted: ApiInput, auth: ApiAuth): ApiSettings {
  return JSON.parse(JSON.stringify({ ...wanted, auth })) as ApiSettings;
}

function requireCallable(ctx: TenantCtx, { base_url }: ApiSettings): void {
  const fault = addressFault(new URL(base_url), ctx.settings);
  if (fault === null) return;
  const errors = [{ pointer: "/api/base_url", message: fault }];
  throw new Failure("validation-failed", "Some values are not valid.", { errors });
}

function columnsOf({ api, apiCredential, apiCredentialId }: ApiColumns): ApiColumns {
  return { api, apiCredential, apiCredentialId };
}

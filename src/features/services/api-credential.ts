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
 * that nobody who may change an address gets it sent there. For another user or header it is another
 * one, with an id of its own: what the service answered the first is not for the second.
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
  const { api: before } = there;
  const isSame = before !== null && isSameUse(before, api);
  if (secret === undefined && isSame && nameIn(before) === nameIn(api)) {
    return { columns: { ...columnsOf(there), api }, audit: [] };
  }
  const stays = () => (isSame ? openCredential(ctx, { id: serviceId, ...there }) : null);
  const plain = secret ?? (await stays());
  if (plain === null) return { columns: { api, ...none }, audit: erased };
  const apiCredentialId = newId("secret");
  const context = contextOf(ctx, serviceId, api, apiCredentialId);
  const apiCredential = await seal(ctx.settings.MASTER_KEY, context, plain);
  const added = { action: "service_credential.added", target: apiCredentialId };
  return { columns: { api, apiCredential, apiCredentialId }, audit: [...erased, added] };
}

/** Whether a service is called elsewhere, or not at all: what its breaker knows is of another place. */
export function isMoved(before: ApiSettings | null, after: ApiSettings | null): boolean {
  return before !== null && (after === null || originOf(before) !== originOf(after));
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
  const row = JSON.stringify([serviceId, id, originOf(api)]);
  return { realm: ctx.realm.id, purpose: PURPOSE, row };
}

function isSameUse(before: ApiSettings, after: ApiSettings): boolean {
  return originOf(before) === originOf(after) && before.auth.type === after.auth.type;
}

function originOf({ base_url }: ApiSettings): string {
  return new URL(base_url).origin;
}

/** Of the user, or the header. */
function nameIn({ auth }: ApiSettings): string {
  if (auth.type === "basic") return auth.username;
  return auth.type === "header" ? auth.name.toLowerCase() : "";
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

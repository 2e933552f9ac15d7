import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { Failure } from "../../platform/problems.ts";
import { withinQuota } from "../../platform/quotas/counted.ts";
import { commit } from "../../platform/tenancy/index.ts";
import type { ApiInput } from "./api.schemas.ts";
import { isMoved, keepApi } from "./api-credential.ts";
import { forgetService } from "./known-services.ts";
import { shownSettings, unmaskedSettings } from "./notification-url.ts";
import { keepSecrets, requireUsable } from "./secrets.ts";
import {
  deleteSecrets,
  deleteService,
  findService,
  insertSecret,
  insertService,
  listServices,
  SERVICE_QUOTA,
  type ServiceRow,
  type ServiceView,
  updateService,
} from "./services.repository.ts";
import type { WebhookSettings } from "./services.schemas.ts";

/** Webhook settings as they come in. */
export type WebhookInput = { readonly secrets?: readonly string[] | undefined } & {
  readonly [K in keyof WebhookSettings]: WebhookSettings[K] | undefined;
} & Pick<WebhookSettings, "scheme">;

export function list(
  ctx: TenantCtx,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<ServiceView>> {
  return paginate(
    ctx,
    { list: "services", filters: {}, ...query },
    (after, count) => listServices(ctx.db, after, count),
    (row) => [row.slug],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: TenantCtx, slug: string, from?: "primary"): Promise<ServiceView> {
  const service = await findService(ctx.db, slug, from);
  if (!service) throw new Failure("not-found");
  return service;
}

/**
 * @throws Failure `over-quota`, `slug-taken`, `validation-failed` for settings that do not fit their
 * scheme
 */
export async function create(
  ctx: TenantCtx,
  input: {
    readonly slug: string;
    readonly name: string;
    readonly webhook?: WebhookInput | undefined;
    readonly api?: ApiInput | undefined;
  },
): Promise<ServiceView> {
  const webhook = input.webhook ? settingsOf(input.webhook, null) : null;
  const given = input.webhook?.secrets ?? [];
  if (webhook) requireUsable(webhook, given);
  const id = newId("service");
  const nothing = { api: null, apiCredential: null, apiCredentialId: null };
  const api = await keepApi(ctx, id, nothing, input.api);
  const now = new Date();
  const row: ServiceRow = {
    id,
    slug: input.slug,
    name: input.name,
    webhook,
    ...api.columns,
    breakerMode: "automatic",
    breakerVersion: 0,
    createdAt: now,
    updatedAt: now,
    version: 1,
  };
  const { added } = await keepSecrets(ctx, row.id, [], given);
  const result = await withinQuota(ctx, SERVICE_QUOTA, (room) =>
    commit(
      ctx,
      [...room, insertService(row), ...added.map(insertSecret)],
      [
        { action: "service.created", target: row.id, details: { new: describe(row) } },
        ...added.map(({ id }) => ({ action: "service_secret.added", target: id })),
        ...api.audit,
      ],
      { ...row, secrets: added },
    ),
  );
  forgetService(ctx.realm.id, row.slug);
  return result;
}

/** @throws Failure `not-found`, `precondition-failed`, `conflict`, `validation-failed` */
export async function update(
  ctx: TenantCtx,
  slug: string,
  changes: {
    readonly name?: string | undefined;
    readonly webhook?: WebhookInput | null | undefined;
    readonly api?: ApiInput | null | undefined;
  },
  ifMatch: IfMatch,
): Promise<ServiceView> {
  const { secrets, ...before } = await get(ctx, slug, "primary");
  requireVersion(ifMatch, before.version);
  const webhook =
    changes.webhook === undefined
      ? before.webhook
      : changes.webhook && settingsOf(changes.webhook, before.webhook);
  const given = webhook === null ? [] : changes.webhook?.secrets;
  const { kept, added, gone } = await keepSecrets(ctx, before.id, secrets, given);
  // As they were sent, so that a fault points at the right one.
  if (webhook) requireUsable(webhook, given ?? kept.map(({ plain }) => plain));
  const api = await keepApi(ctx, before.id, before, changes.api);
  const next = {
    name: changes.name ?? before.name,
    webhook,
    ...api.columns,
    updatedAt: new Date(),
    version: before.version + 1,
  };
  const resetsBreaker = isMoved(before.api, next.api);
  const result = await commit(
    ctx,
    [
      updateService(before.id, before.version, { ...next, resetsBreaker }, lostRace(ifMatch)),
      ...(gone.length > 0 ? [deleteSecrets(gone.map(({ id }) => id))] : []),
      ...added.map(insertSecret),
    ],
    [
      {
        action: "service.updated",
        target: before.id,
        details: { old: describe(before), new: describe({ ...before, ...next }) },
      },
      ...gone.map(({ id }) => ({ action: "service_secret.erased", target: id })),
      ...added.map(({ id }) => ({ action: "service_secret.added", target: id })),
      ...api.audit,
      ...(resetsBreaker ? [breakerReset(before)] : []),
    ],
    { ...before, ...next, secrets: [...added, ...kept] },
  );
  forgetService(ctx.realm.id, slug);
  return result;
}

/**
 * Removes a service and its secrets. What was received from it stays, and is still processed.
 * @throws Failure `not-found`, `precondition-failed`, `conflict`
 */
export async function remove(ctx: TenantCtx, slug: string, ifMatch: IfMatch): Promise<void> {
  const service = await get(ctx, slug, "primary");
  requireVersion(ifMatch, service.version);
  await commit(
    ctx,
    [
      deleteService(service.id, service.version, lostRace(ifMatch)),
      deleteSecrets(service.secrets.map(({ id }) => id)),
    ],
    [
      { action: "service.deleted", target: service.id, details: { old: describe(service) } },
      ...(await keepApi(ctx, service.id, service, null)).audit,
    ],
  );
  forgetService(ctx.realm.id, slug);
}

/** What stood behind the old address says nothing of the new one, and neither does an order for it. */
function breakerReset({ id, slug, breakerMode: old }: ServiceRow) {
  const details = { service: slug, old, new: "automatic" };
  return { action: "breaker.reset", target: id, details };
}

/** What was set, without what was not. */
function settingsOf(
  { secrets: _, ...options }: WebhookInput,
  stored: WebhookSettings | null,
): WebhookSettings {
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return unmaskedSettings(Object.fromEntries(set) as unknown as WebhookSettings, stored);
}

/** What an audit row tells of a service: its settings as they are shown. */
function describe({
  slug,
  name,
  webhook,
  api,
}: Pick<ServiceRow, "slug" | "name" | "webhook" | "api">) {
  return { slug, name, webhook: webhook && shownSettings(webhook), api };
}

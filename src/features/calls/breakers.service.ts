import {
  type BreakerMode,
  type BreakerOptions,
  type BreakerView,
  breakerView,
  tellOrder,
} from "../../platform/breaker/index.ts";
import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import {
  completeApi,
  findService,
  forgetService,
  listApiServices,
  orderBreaker,
  type ServiceView,
} from "../services/index.ts";
import { breakerOf } from "./service-line.ts";

/** A service's circuit breaker: how it stands, what was ordered of it, and the rules it goes by. */
export interface BreakerReport {
  readonly view: BreakerView;
  readonly mode: BreakerMode;
  readonly options: BreakerOptions;
}

/** How one breaker stands, for an overview. */
export interface BreakerStanding {
  /** Slug of the service. */
  readonly service: string;
  /** `unknown`: it does not answer. */
  readonly state: BreakerView["state"] | "unknown";
  /** When it opened, where it did so by itself and is open now. */
  readonly openedAt: Date | null;
}

/** Breakers that an overview asks. */
export const MOST_ASKED = 20;

const ACTIONS = {
  automatic: "breaker.reset",
  forced_open: "breaker.forced_open",
  disabled: "breaker.disabled",
} as const satisfies Record<BreakerMode, string>;

/** @throws Failure `not-found`, `service-not-callable`, `not-ready` when the breaker is silent */
export async function getBreaker(ctx: TenantCtx, slug: string): Promise<BreakerReport> {
  const { ref, mode } = await requireBreaker(ctx, slug);
  return { view: await breakerView(ctx, ref), mode, options: ref.options };
}

/**
 * Orders something of a breaker. The order is a row first, which every call carries within 5 s, so it
 * counts also where the breaker itself does not hear of it now.
 * @returns the breaker as the order makes it
 * @throws Failure `not-found`, `service-not-callable`, `conflict` when somebody else ordered meanwhile
 */
export async function setBreaker(
  ctx: TenantCtx,
  slug: string,
  mode: BreakerMode,
): Promise<BreakerReport> {
  const { id, ref, mode: old } = await requireBreaker(ctx, slug, "primary");
  const order = { mode, version: ref.order.version + 1 };
  const report = { view: orderedView(order), mode, options: ref.options };
  const result = await commit(
    ctx,
    [orderBreaker(id, ref.order.version, mode)],
    [{ action: ACTIONS[mode], target: id, details: { service: slug, old, new: mode } }],
    report,
  );
  forgetService(ctx.realm.id, slug);
  await tellOrder(ctx, { ...ref, order });
  return result;
}

/**
 * How the breakers of called services stand, by slug; no more than {@link MOST_ASKED} are asked.
 * @param after services that are passed over
 */
export async function listBreakers(ctx: TenantCtx, after = 0): Promise<BreakerStanding[]> {
  const called = await listApiServices(ctx.db, MOST_ASKED, after);
  return Promise.all(
    called.map(async (row) => {
      const service = row.slug;
      try {
        const { ref } = known(row);
        const { state, opened_at } = await breakerView(ctx, ref);
        return { service, state, openedAt: opened_at === null ? null : new Date(opened_at) };
      } catch (error) {
        ctx.log.warn("breaker not seen", { service: row.id, ...errorFields(error) });
        return { service, state: "unknown" as const, openedAt: null };
      }
    }),
  );
}

async function requireBreaker(ctx: TenantCtx, slug: string, from?: "primary") {
  const row = await findService(ctx.db, slug, from);
  if (!row) throw new Failure("not-found");
  return known(row);
}

function known({ id, slug, api, breakerMode, breakerVersion }: ServiceView) {
  if (!api) throw new Failure("service-not-callable", `The service ${slug} has no API settings.`);
  const order = { mode: breakerMode, version: breakerVersion };
  return { id, mode: breakerMode, ref: breakerOf({ id, order }, completeApi(api)) };
}

/** Every order empties the window. */
function orderedView(order: { readonly mode: BreakerMode; readonly version: number }): BreakerView {
  return {
    state: order.mode === "automatic" ? "closed" : order.mode,
    since: new Date().toISOString(),
    opened_at: null,
    openings: 0,
    retry_in_ms: null,
    failure_rate: null,
    slow_call_rate: null,
    calls: 0,
    failed_calls: 0,
    slow_calls: 0,
    half_open_permits_in_use: 0,
    slow_start_calls_per_second: null,
    order_version: order.version,
  };
}

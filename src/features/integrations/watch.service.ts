import type { TenantCtx } from "../../platform/context.ts";
import { type BreakerStanding, listBreakers, MOST_ASKED } from "../calls/index.ts";
import { raiseNews, recoverAll, type TroubleSignal } from "./tell.service.ts";
import {
  DISABLED,
  type DisabledDestination,
  type Glance,
  glance,
  UNREACHABLE,
} from "./watch.repository.ts";

/**
 * How long it is the turn of the same services, in ms. Prime to the five minutes and the four hours
 * between visits, so that both come to every turn.
 */
const TURN_MS = 7 * 60_000;

/** Why a destination is disabled, in words. */
const REASONS = {
  gone: "It answered 410 Gone",
  failing: "It has failed for days",
} as const satisfies Record<DisabledDestination["reason"], string>;

/**
 * Raises a signal for each service whose circuit breaker has opened by itself, and for each
 * destination that was disabled for what it answered; resolves those that are over. A breaker that
 * somebody has ordered to be open or closed is in somebody's hands, and one that is half open has not
 * decided yet: both leave a signal as it is.
 */
export async function watchIntegrations(ctx: TenantCtx): Promise<void> {
  const found = await glance(ctx.db);
  const { called, disabled } = found;
  const breakers = called > 0 ? await listBreakers(ctx, turnOf(called, Date.now())) : [];
  await recoverAll(ctx, [...reachable(found, breakers), ...enabledAgain(found)]);
  await raiseNews(ctx, [...breakers.flatMap(unreachable(found)), ...disabled.flatMap(off(found))]);
}

/** After how many services those stand whose turn it is: breakers are asked a few at a time. */
function turnOf(called: number, now: number): number {
  return (Math.floor(now / TURN_MS) % Math.ceil(called / MOST_ASKED)) * MOST_ASKED;
}

/** Keys of signals whose service is well, or called no more. */
function reachable(found: Glance, breakers: readonly BreakerStanding[]): string[] {
  const closed = new Set(
    breakers.flatMap(({ service, state }) => (state === "closed" ? [service] : [])),
  );
  return found.unreachable
    .filter(({ slug, called }) => called === 0 || closed.has(slug))
    .map(({ slug }) => `${UNREACHABLE.key}${slug}`);
}

/** Keys of signals whose destination is enabled again, disabled by hand by now, or deleted. */
function enabledAgain({ told, disabled }: Glance): string[] {
  const still = new Set(disabled.map(({ id }) => id));
  return told.filter((id) => !still.has(id)).map((id) => `${DISABLED.key}${id}`);
}

const unreachable =
  (found: Glance) =>
  ({ service, openedAt }: BreakerStanding): TroubleSignal[] => {
    if (openedAt === null || found.unreachable.some(({ slug }) => slug === service)) return [];
    return [
      {
        source: "infra",
        kind: UNREACHABLE.kind,
        severity: "high",
        title: `The service ${service} cannot be reached`,
        description: "Its circuit breaker has opened: calls are refused until it recovers.",
        occurredAt: openedAt,
        dedupeKey: `${UNREACHABLE.key}${service}`,
      },
    ];
  };

const off =
  ({ told }: Glance) =>
  ({ id, url, reason, at }: DisabledDestination): TroubleSignal[] => {
    if (told.includes(id)) return [];
    return [
      {
        source: "infra",
        kind: DISABLED.kind,
        severity: "high",
        title: `The destination at ${new URL(url).host} gets no more events`,
        description: `${REASONS[reason]}, so ${id} was disabled. What happens meanwhile is not sent later.`,
        occurredAt: new Date(at),
        dedupeKey: `${DISABLED.key}${id}`,
      },
    ];
  };

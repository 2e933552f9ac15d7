import type { Settings } from "../../env.ts";
import type { Ctx } from "../context.ts";
import { accountOf } from "./accounts.ts";
import { addressAccount, callerLine } from "./addresses.ts";
import type { Limit } from "./index.ts";
import { DEFAULT_PLAN, limitsInForce, type PolicySettings, type RealmPlan } from "./plans.ts";

/** Limits that are passed all or none, and the object that keeps them. */
export interface Gate {
  /** Name of the object. */
  readonly account: string;
  readonly limits: readonly Limit[];
}

const MINUTE_MS = 60_000;

/** Limits of an address: every anonymous request, and besides those that guess at passwords. */
export type AddressLimit = "anonymous" | "sign-in";

/**
 * What a signed-in caller passes: the limit of the tenant and that of the user. Of the platform's own
 * realm there is no limit of all together, so that no operator locks the others out.
 */
export function callerGate(
  { settings, realm }: Pick<Ctx, "settings" | "realm">,
  userId: string,
  plan: RealmPlan,
): Gate {
  const account = accountOf("tenant", realm);
  const isPlatform = realm.slug === null;
  const { tenant, user } = limitsInForce(
    settings.PLANS,
    isPlatform ? { plan: DEFAULT_PLAN, limits: null } : plan,
  );
  const ofUser = limitOf("user", user, `user:${userId}`);
  return { account, limits: isPlatform ? [ofUser] : [limitOf("tenant", tenant), ofUser] };
}

/** What a genuine webhook passes, away from the calls of the tenant's own people. */
export function webhookGate(
  { settings, realm }: Pick<Ctx, "settings" | "realm">,
  plan: RealmPlan,
): Gate {
  const { webhooks } = limitsInForce(settings.PLANS, plan);
  return { account: accountOf("webhooks", realm), limits: [limitOf("webhooks", webhooks)] };
}

/** What a caller passes of whom nothing is known but the address. */
export function addressGate(
  { settings, request }: Pick<Ctx, "settings" | "request">,
  names: readonly AddressLimit[],
): Gate {
  const line = callerLine(request.ip);
  const limits = names.map((name) => perMinute(name, PER_MINUTE[name](settings), line));
  return { account: addressAccount(line), limits };
}

/**
 * What nobody passes, but everybody is held to: so many tokens, hosts or signatures of one address may
 * be wrong.
 * @param about tells apart what is counted by itself, such as a tenant's service
 */
export function failureGate(
  { settings, request }: Pick<Ctx, "settings" | "request">,
  ...about: readonly string[]
): Gate {
  const line = callerLine(request.ip);
  const limit = perMinute("failures", settings.FAILURES_PER_MINUTE, [...about, line].join("|"));
  return { account: addressAccount(line), limits: [limit] };
}

const PER_MINUTE: Record<AddressLimit, (settings: Settings) => number> = {
  anonymous: (settings) => settings.ANONYMOUS_PER_MINUTE,
  "sign-in": (settings) => settings.SIGN_INS_PER_MINUTE,
};

function perMinute(name: string, limit: number, whose: string): Limit {
  return { name, key: `${name}:${whose}`, policy: { limit, windowMs: MINUTE_MS } };
}

function limitOf(name: string, { limit, window_seconds }: PolicySettings, key = name): Limit {
  return { name, key, policy: { limit, windowMs: window_seconds * 1_000 } };
}

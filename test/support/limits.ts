/** Rate limits as tests set them, meet them and count what they cost. */
import { parseList } from "structured-headers";
import { expect } from "vitest";
import { type LimitOverrides, type Plans, USUAL_PLANS } from "../../src/platform/limits/plans.ts";
import {
  type Caller,
  call,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
} from "./client.ts";
import { bindings, type openWorker } from "./worker.ts";

/** So many a minute. */
export function perMinute(limit: number) {
  return { limit, window_seconds: 60 };
}

/** The plans as people have them who set nothing, with these in their places. */
export function plansWith(plans: Plans = {}) {
  return { PLANS: JSON.stringify({ ...USUAL_PLANS, ...plans }) };
}

/** A policy and how the caller stands with it, as the headers tell. */
export interface Told {
  readonly quota: number;
  readonly window: number;
  readonly remaining: number;
  readonly reset: number;
}

/** What the headers tell, read by a library as structured fields (RFC 9651); by the policy's name. */
export function told(reply: Reply): Record<string, Told> {
  const policies = reply.headers.get("ratelimit-policy");
  const standings = reply.headers.get("ratelimit");
  if (policies === null && standings === null) return {};
  const read = (text: string | null) =>
    parseList(text ?? "").map(([item, parameters]) => {
      expect(item, text ?? "").toBeTypeOf("string");
      return [String(item), Object.fromEntries(parameters)] as const;
    });
  const left = new Map(read(standings));
  const limits = read(policies).map(([name, { q, w, ...rest }]) => {
    expect(rest).toEqual({});
    const { r, t, ...others } = left.get(name) ?? {};
    expect(others).toEqual({});
    for (const value of [q, w, r, t]) expect(Number.isSafeInteger(value), name).toBe(true);
    const [quota, window, remaining, reset] = [q, w, r, t].map(Number) as [
      number,
      number,
      number,
      number,
    ];
    return [name, { quota, window, remaining, reset }] as const;
  });
  expect([...left.keys()]).toEqual(limits.map(([name]) => name));
  return Object.fromEntries(limits);
}

/** Expects a refusal by these policies. Returns for how many seconds. */
export function expectRefused(reply: Reply, ...violated: string[]): number {
  expect([reply.status, problemOf(reply)], reply.text).toEqual([429, "quota-exceeded"]);
  return expectStandings(reply, violated);
}

/** The same of a webhook: a sender may not send again what got a 4xx. */
export function expectPutOff(reply: Reply, ...violated: string[]): number {
  expect([reply.status, problemOf(reply)], reply.text).toEqual([503, "webhooks-limited"]);
  return expectStandings(reply, violated);
}

function expectStandings(reply: Reply, violated: readonly string[]): number {
  expect(reply.json["violated-policies"]).toEqual(violated);
  for (const name of violated) expect(told(reply)[name], name).toMatchObject({ remaining: 0 });
  const seconds = reply.headers.get("retry-after") ?? "";
  expect(seconds).toMatch(/^[1-9]\d*$/);
  return Number(seconds);
}

const KINDS = ["RATE_LIMITER", "CIRCUIT_BREAKER", "SIGNAL_STREAM"] as const;

/** Objects whose calls are counted: limiters by the name of the object, others by kind and name. */
export function countedObjects() {
  const calls = new Map<string, number>();
  const counting = (kind: (typeof KINDS)[number]) => ({
    getByName: (name: string) => {
      const object = kind === "RATE_LIMITER" ? name : `${kind} ${name}`;
      calls.set(object, (calls.get(object) ?? 0) + 1);
      return bindings[kind].getByName(name);
    },
  });
  const counted = Object.fromEntries(KINDS.map((kind) => [kind, counting(kind)]));
  return {
    bindings: counted as unknown as Pick<typeof bindings, (typeof KINDS)[number]>,
    /** Calls since the last time that this was asked, by object. */
    take(): Record<string, number> {
      const taken = Object.fromEntries(calls);
      calls.clear();
      return taken;
    },
  };
}

/** Objects that are not to be reached. */
export function unreachableObjects() {
  const lend = () => Promise.reject(new Error("Network connection lost."));
  return {
    RATE_LIMITER: { getByName: () => ({ lend }) } as unknown as typeof bindings.RATE_LIMITER,
  };
}

/** An operator's change of a tenant. */
export function change(
  operator: Caller,
  tenant: TestTenant,
  body: { readonly plan?: string; readonly limits?: LimitOverrides | null },
): Promise<Reply> {
  const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}`;
  return call("PUT", url, { token: operator.token, body });
}

/** The cheapest question that somebody signed in can ask. */
export function ask(
  worker: Pick<ReturnType<typeof openWorker>, "call">,
  house: TestTenant,
  who: Caller = house.admin,
) {
  return worker.call("GET", `${house.api}/tenants/current`, { token: who.token });
}

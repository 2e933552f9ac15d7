/** Two bindings swapped by a mistake of ours: the databases serve nobody, and nothing is written. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { commit } from "../../../src/platform/tenancy/index.ts";
import {
  type CallOptions,
  callWith,
  newTenant,
  PASSWORD,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { jobCtx, tenantCtx } from "../../support/ctx.ts";
import { dumpOf } from "../../support/dump.ts";
import { addService, eventOf, signed, type TestService } from "../../support/webhooks.ts";
import { bindings, databaseOfTenant, registryOf } from "../../support/worker.ts";

// What an isolate believes of a caller is forgotten from test to test, and no token runs out.
standingClock({ between: 6 * SECOND });

describe("a tenant whose binding leads to another's database", () => {
  let one: TestTenant;
  let other: TestTenant;
  let hook: TestService;
  let others: TestService;
  let swapped: Partial<Bindings>;
  beforeAll(async () => {
    [one, other] = [await newTenant("mixed-up"), await newTenant("mixed-in")];
    [hook, others] = [await addService(one), await addService(other)];
    const [first, second] = [await registryOf(one.slug), await registryOf(other.slug)];
    swapped = {
      [String(first?.binding)]: await databaseOfTenant(other.slug),
      [String(second?.binding)]: await databaseOfTenant(one.slug),
    };
  });
  const everything = async () =>
    Promise.all([one, other].map(async ({ slug }) => dumpOf(await databaseOfTenant(slug))));
  let before: unknown;
  beforeEach(async () => {
    before = await everything();
  });

  const attempts: Record<string, () => [method: string, path: string, options: CallOptions]> = {
    "a sign-in": () => [
      "POST",
      `${one.api}/auth/login`,
      { body: { email: one.admin.email, password: PASSWORD } },
    ],
    "a sign-in as the other's user": () => [
      "POST",
      `${one.api}/auth/login`,
      { body: { email: other.admin.email, password: PASSWORD } },
    ],
    "the keys": () => ["GET", `${one.origin}/.well-known/jwks.json`, {}],
    "a read": () => ["GET", `${one.api}/auth/me`, { token: one.admin.token }],
    "a read of the other's": () => ["GET", `${one.api}/auth/me`, { token: other.admin.token }],
    "a write": () => [
      "PUT",
      `${one.api}/tenants/current`,
      { token: one.admin.token, body: { name: "Mixed" } },
    ],
  };

  it.each(Object.keys(attempts))("answers 500 to %s", async (name) => {
    const [method, url, options] = (attempts[name] as (typeof attempts)[string])();
    const reply = await callWith(swapped, method, url, options);
    expect(reply.status, reply.text).toBe(500);
    expect(reply.text).not.toContain(other.id);
    expect(await everything()).toEqual(before);
  });

  it("takes in no webhook, and does not say that there is no such service", async () => {
    for (const service of [hook, { ...others, url: hook.url }]) {
      const { url, headers, body } = await signed(service, eventOf(service, "misrouted"));
      const reply = await callWith(swapped, "POST", url, { headers, raw: body });
      // So that the provider comes again when the mistake is mended.
      expect(reply.status, reply.text).toBe(503);
      expect(reply.text).not.toContain(other.id);
    }
    expect(await everything()).toEqual(before);
  });

  it("exchanges no refresh token, neither its own nor the other's", async () => {
    for (const { admin } of [one, other]) {
      const reply = await callWith(swapped, "POST", `${one.api}/auth/refresh`, {
        body: { refresh_token: admin.refreshToken },
      });
      expect(reply.status, reply.text).toBe(500);
    }
    expect(await everything()).toEqual(before);
  });

  it("commits nothing, and says so as an error of ours, not the caller's", async () => {
    const ctx = await tenantCtx(one.slug, { ...bindings, ...swapped });
    const error = await commit(ctx, [], [{ action: "test.misrouted" }]).catch((reason) => reason);
    expect(error).not.toBeInstanceOf(Failure);
    expect(String(error)).toContain(one.id);
    expect(await everything()).toEqual(before);
  });

  it("does not stand for the platform either", async () => {
    const control = await databaseOfTenant(one.slug);
    const ctx = jobCtx({ ...bindings, CONTROL_DB: control });
    await expect(commit(ctx, [], [{ action: "test.misrouted" }])).rejects.toThrow(/platform/);
    expect(await everything()).toEqual(before);
  });
});

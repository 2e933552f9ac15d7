import { describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { brokenTenant } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { callWith, PASSWORD, PLATFORM_ORIGIN } from "../../support/client.ts";
import { CANARY, leaksIn } from "../../support/log-scan.ts";
import { SECRET, signed } from "../../support/webhooks.ts";
import { tick } from "../../support/worker.ts";

/** Everything secret that the tour handed over or got back. */
interface Secrets {
  readonly passwords: readonly string[];
  readonly tokens: Readonly<Record<"access" | "refresh" | "device", string>>;
  /** Of a service: the first, and the one that followed it. */
  readonly webhooks: readonly string[];
}

const OTHER_PASSWORD = `${CANARY}-staple-battery`;
const WRONG_PASSWORD = `${CANARY}-wrong-horse`;
let tours = 0;

/** A day in the life of a tenant, with all that is secret in it, and some that goes wrong. */
async function tour(settings: Partial<Bindings>): Promise<Secrets> {
  const slug = `scan-${++tours}`;
  const api = `http://${slug}.rowhouse.test/api/v1`;
  const email = `admin@${slug}.test`;
  const post = async (url: string, status: number, body: unknown, token?: string, more = {}) => {
    const reply = await callWith({ ...settings, ...more }, "POST", url, { token, body });
    expect(reply.status, reply.text).toBe(status);
    return reply.json;
  };
  const put = async (url: string, status: number, body: unknown, token: string) => {
    const reply = await callWith(settings, "PUT", url, { token, body });
    expect(reply.status, reply.text).toBe(status);
  };
  const registered = await post(`${PLATFORM_ORIGIN}/api/v1/auth/register`, 201, {
    company_name: "Scanned",
    slug,
    admin_email: email,
    admin_password: PASSWORD,
    admin_first_name: "Ada",
    admin_last_name: "Admin",
  });
  await post(`${api}/auth/login`, 401, { email, password: WRONG_PASSWORD });
  const entry = await post(`${api}/auth/login`, 200, {
    email,
    password: PASSWORD,
    device_token: registered.device_token,
  });
  const { access_token, refresh_token } = await post(`${api}/auth/refresh`, 200, {
    refresh_token: entry.refresh_token,
  });
  await post(
    `${api}/users/change-password`,
    204,
    { current_password: PASSWORD, new_password: OTHER_PASSWORD },
    access_token,
  );
  await post(
    `${api}/users`,
    201,
    {
      email: `new@${slug}.test`,
      password: PASSWORD,
      first_name: "N",
      last_name: "U",
      role: "user",
    },
    access_token,
  );
  const webhooks = [SECRET, `${SECRET}-rotated`];
  const [first = "", second = ""] = webhooks;
  const service = (secrets: unknown) => ({ name: "Shop", webhook: { scheme: "generic", secrets } });
  await post(`${api}/services`, 201, { slug: "shop", ...service([first]) }, access_token);
  await put(`${api}/services/shop`, 200, service([second, first]), access_token);
  // No scheme signs with a list of lists, or with three of them.
  await put(`${api}/services/shop`, 422, service([[second]]), access_token);
  await put(`${api}/services/shop`, 422, service([first, second, first]), access_token);
  await post(`${api}/webhooks/shop/test`, 202, {}, access_token);
  const shop = {
    slug: "shop",
    url: `${api}/webhooks/shop`,
    settings: { scheme: "generic" },
  } as const;
  const deliver = async (secret: string, status: number, path = "") => {
    const event = `{"event_id":"${secret.length}","password":"${PASSWORD}"}`;
    const { url, headers, body } = await signed({ ...shop, secret }, path ? `[${event}]` : event, {
      path,
    });
    const reply = await callWith(settings, "POST", url, { headers, raw: body });
    expect(reply.status, reply.text).toBe(status);
  };
  for (const secret of webhooks) await deliver(secret, 202);
  await deliver(`${SECRET}-wrong`, 401);
  await deliver(second, 202, "/batch");
  // What should be text may be anything.
  await post(`${api}/auth/login`, 422, { email, password: [PASSWORD, { nested: PASSWORD }] });
  await post(`${api}/auth/login`, 422, { email, secret: PASSWORD, password: PASSWORD });
  // A fault, whose error quotes what it was given.
  const quoting = `D1_ERROR: no such column: ${access_token}: SQLITE_ERROR`;
  const broken = await brokenTenant(slug, quoting);
  await post(`${api}/auth/refresh`, 500, { refresh_token }, undefined, broken);
  await tick();
  return {
    passwords: [PASSWORD, OTHER_PASSWORD, WRONG_PASSWORD],
    tokens: { access: access_token, refresh: refresh_token, device: registered.device_token },
    webhooks,
  };
}

const secretsIn = ({ passwords, tokens, webhooks }: Secrets) => [
  ...passwords,
  ...Object.values(tokens),
  ...webhooks,
];

describe("the log scan", () => {
  it("finds nothing in a full tour at level debug", async () => {
    const { result, lines } = await captureLogs(() => tour({ LOG_LEVEL: "debug" }));
    expect(lines.length).toBeGreaterThan(20);
    expect(leaksIn(lines)).toEqual([]);
    // Not by its patterns alone: none of the very texts is there.
    const text = lines.join("\n");
    for (const secret of secretsIn(result)) expect(text).not.toContain(secret);
    expect(text).toContain("[redacted]");
  });

  it("finds every kind of secret in the same tour with redaction off", async () => {
    const { result, lines } = await captureLogs(() =>
      tour({ LOG_LEVEL: "debug", LOG_REDACTION: "off" }),
    );
    for (const secret of secretsIn(result)) {
      const holding = lines.filter((line) => line.includes(secret));
      expect(holding, secret.slice(0, 20)).not.toEqual([]);
      expect(leaksIn(holding)).toEqual(holding);
    }
  });

  it("needs no other line to find one: each secret is found by itself", async () => {
    const { result } = await captureLogs(() => tour({}));
    for (const secret of secretsIn(result)) {
      expect(leaksIn([JSON.stringify({ message: "x", field: secret })])).toHaveLength(1);
    }
    const invitation = `rwi_${"a".repeat(43)}`;
    const hash = "$scrypt$ln=14,r=8,p=5$c2FsdHNhbHQ$aGFzaGhhc2g";
    expect(leaksIn([invitation, hash, "an ordinary line"])).toEqual([invitation, hash]);
  });
});

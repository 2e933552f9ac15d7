import { exports } from "cloudflare:workers";
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import type { Role } from "../../src/platform/access/permissions.ts";
import { CANARY } from "./log-scan.ts";

/** Good enough for the policy, and a canary: no log line may ever hold it. */
export const PASSWORD = `${CANARY}-horse-battery`;

export const PLATFORM_ORIGIN = "http://rowhouse.test";

export interface CallOptions {
  readonly token?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: BodyInit;
  readonly headers?: Record<string, string>;
  /** Address of the caller. */
  readonly ip?: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

const worker = (exports as unknown as { default: Fetcher }).default;

/** Sends a request to the Worker through its real entry. */
export async function call(method: string, url: string, options: CallOptions = {}): Promise<Reply> {
  const response = await worker.fetch(requestOf(method, url, options));
  // Streams have clients of their own, in stream.ts; here it counts whether one is opened.
  response.webSocket?.accept();
  response.webSocket?.close(1000);
  return toReply(response);
}

/** The same, with other bindings or settings than the test's own. */
export async function callWith(
  env: Partial<Bindings>,
  method: string,
  url: string,
  options: CallOptions = {},
): Promise<Reply> {
  const [{ createApp }, { env: own }] = await Promise.all([
    import("../../src/app.ts"),
    import("cloudflare:workers"),
  ]);
  const bindings = { ...(own as unknown as Bindings), ...env };
  return toReply(await createApp().fetch(requestOf(method, url, options), bindings));
}

export function requestOf(method: string, url: string, options: CallOptions = {}): Request {
  const { token, body, raw, headers, ip = "203.0.113.7" } = options;
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  return new Request(url, {
    method,
    redirect: "manual",
    headers: {
      "cf-connecting-ip": ip,
      ...(content === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: content }),
  });
}

export async function toReply(response: Response): Promise<Reply> {
  const text = await response.text();
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  const json = isJson && text !== "" ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, json };
}

/** The last part of a problem's type. */
export function problemOf(reply: Reply): string | undefined {
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  expect(reply.json.status).toBe(reply.status);
  return (reply.json.type as string).split("/").at(-1);
}

export interface Caller {
  readonly id: string;
  readonly email: string;
  readonly token: string;
  readonly refreshToken: string;
  readonly deviceToken: string;
}

export interface TestTenant {
  readonly id: string;
  readonly slug: string;
  readonly origin: string;
  /** Base of the API on the tenant's door. */
  readonly api: string;
  readonly admin: Caller;
}

let made = 0;

/** Registers a company through the API. */
export async function newTenant(
  slug = `tenant-${++made}-${Date.now() % 100_000}`,
): Promise<TestTenant> {
  const email = `admin@${slug}.test`;
  const reply = await call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/register`, {
    body: {
      company_name: `Company ${slug}`,
      slug,
      admin_email: email,
      admin_password: PASSWORD,
      admin_first_name: "Ada",
      admin_last_name: "Admin",
    },
  });
  expect(reply.status, reply.text).toBe(201);
  const origin = reply.json.tenant.url as string;
  return {
    id: reply.json.tenant.id,
    slug,
    origin,
    api: `${origin}/api/v1`,
    admin: callerOf(reply, email),
  };
}

/** Adds a user through the API and signs in as that user. */
export async function addUser(
  tenant: TestTenant,
  role: Exclude<Role, "operator">,
  email = `${role}-${++made}@${tenant.slug}.test`,
): Promise<Caller> {
  const body = { email, password: PASSWORD, first_name: "Test", last_name: role, role };
  const reply = await call("POST", `${tenant.api}/users`, { token: tenant.admin.token, body });
  expect(reply.status, reply.text).toBe(201);
  return signIn(tenant.api, email);
}

/** Signs in at a door. */
export async function signIn(api: string, email: string, password = PASSWORD): Promise<Caller> {
  const reply = await call("POST", `${api}/auth/login`, { body: { email, password } });
  expect(reply.status, reply.text).toBe(200);
  return callerOf(reply, email);
}

/** Puts an operator into the control database, as the operator script does, and signs in. */
export async function newOperator(email = `operator-${++made}@rowhouse.test`): Promise<Caller> {
  const [{ env }, { hashPassword }, { newUser }] = await Promise.all([
    import("cloudflare:workers"),
    import("../../src/platform/crypto/password-hash.ts"),
    import("../../src/features/users/index.ts"),
  ]);
  const hash = await hashPassword(PASSWORD, { ln: 4, r: 8, p: 5 });
  const user = newUser(
    { email, first_name: "Olga", last_name: "Operator", role: "operator" },
    hash,
  );
  await (env as unknown as Bindings).CONTROL_DB.prepare(
    `INSERT INTO users (id, email, first_name, last_name, role, password_hash, password_version,
      created_at, updated_at, version) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, 1)`,
  )
    .bind(
      user.id,
      email,
      user.firstName,
      user.lastName,
      user.role,
      hash,
      user.createdAt.getTime(),
      user.updatedAt.getTime(),
    )
    .run();
  return signIn(`${PLATFORM_ORIGIN}/api/v1`, email);
}

function callerOf(reply: Reply, email: string): Caller {
  return {
    id: reply.json.user.id,
    email,
    token: reply.json.access_token,
    refreshToken: reply.json.refresh_token,
    deviceToken: reply.json.device_token,
  };
}

import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { type Destination, destinationOf, dial, isLoopback, textOf } from "./dial.ts";
import { DEMO } from "./seed.ts";

/** Who signs in. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** What is sent to the API of operators, below `/api/v1`. */
export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Such as `/tenants?limit=100`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: { readonly type: string; readonly bytes: Buffer };
  readonly headers?: Readonly<Record<string, string>>;
}

/** The API of operators, signed in to on the first call. */
export interface OperatorsApi {
  readonly destination: Destination;
  /**
   * Calls, and reads the JSON of the answer; undefined where there is none. A rate limit is waited
   * for, and what changes nothing or may be repeated is asked again while the platform is unwell.
   * @throws ApiProblem on any answer but a success
   */
  call<T = undefined>(call: Call): Promise<T>;
  /**
   * Calls, and leaves the body of a success to the caller to read.
   * @throws ApiProblem on any answer but a success
   */
  open(call: Call): Promise<IncomingMessage>;
  /** All rows of a list, page by page. */
  list<T>(path: string): AsyncGenerator<T>;
  /** Ends the session, if one was begun. Never throws: it ends by itself too. */
  close(): Promise<void>;
}

/** An answer that is no success. */
export class ApiProblem extends Error {
  override name = "ApiProblem";
  readonly status: number;
  /** Last part of the problem's type, such as `slug-taken`; empty when it was no problem document. */
  readonly code: string;
  /** The problem document's members; none when it was none. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly retryAfter: number;

  constructor(status: number, text: string, retryAfter: number) {
    const document = documentIn(text);
    super(sentence(status, document));
    this.status = status;
    this.code = String(document.type ?? "").replace(/^.*\//, "");
    this.document = document;
    this.retryAfter = retryAfter;
  }
}

/** Times that something is asked, at most, and how long a wait may be, in seconds. */
const TRIES = 5;
const LONGEST_WAIT_SECONDS = 60;

/**
 * The way to the operators' API that the environment names: `ROWHOUSE_URL`, `ROWHOUSE_DIAL`,
 * `ROWHOUSE_OPERATOR_EMAIL`, `ROWHOUSE_OPERATOR_PASSWORD`. The token is kept in memory alone.
 *
 * @throws Error for a person, when a setting is wrong or missing
 */
export function operatorsApi(env: NodeJS.ProcessEnv = process.env): OperatorsApi {
  const destination = destinationOf(env);
  return connect(destination, credentialsOf(env, destination));
}

/** The demo's operator is known to everybody, so it is nobody's away from this machine. */
function credentialsOf(env: NodeJS.ProcessEnv, destination: Destination): Credentials {
  const { ROWHOUSE_OPERATOR_EMAIL: email, ROWHOUSE_OPERATOR_PASSWORD: password } = env;
  if (email && password) return { email, password };
  if (!email && !password && isLoopback(destination) && !destination.via) {
    return { email: DEMO.operator, password: DEMO.password };
  }
  throw new Error("Set ROWHOUSE_OPERATOR_EMAIL and ROWHOUSE_OPERATOR_PASSWORD.");
}

/** The API at a destination, for whoever has these credentials. */
export function connect(destination: Destination, credentials: Credentials): OperatorsApi {
  let token: Promise<string> | undefined;

  const signedIn = () => {
    token ??= signIn(destination, credentials);
    // A sign-in that failed is no reason to fail the next call without trying.
    token.catch(() => {
      token = undefined;
    });
    return token;
  };

  async function openOnce(call: Call): Promise<IncomingMessage> {
    const used = signedIn();
    const answer = await send(destination, call, await used);
    if (answer.statusCode !== 401) return success(answer);
    answer.resume();
    // Access tokens last for minutes, and a fleet's migration for longer.
    if (token === used) token = undefined;
    return success(await send(destination, call, await signedIn()));
  }

  async function call<T>(request: Call): Promise<T> {
    const text = await patiently(request, async () => textOf(await openOnce(request)));
    return (text ? JSON.parse(text) : undefined) as T;
  }

  const open = (request: Call) => patiently(request, () => openOnce(request));

  async function* list<T>(path: string): AsyncGenerator<T> {
    const join = path.includes("?") ? "&" : "?";
    for (let cursor: string | null = ""; cursor !== null; ) {
      const next: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const page: { data: T[]; next_cursor: string | null } = await call({
        path: `${path}${join}limit=100${next}`,
      });
      yield* page.data;
      cursor = page.next_cursor;
    }
  }

  return {
    destination,
    call,
    open,
    list,
    async close() {
      if (!token) return;
      const bearer = await token.catch(() => undefined);
      const signOut: Call = { method: "POST", path: "/auth/logout", body: {} };
      if (bearer) await send(destination, signOut, bearer).catch(() => undefined);
    },
  };
}

async function signIn(destination: Destination, body: Credentials): Promise<string> {
  const call: Call = { method: "POST", path: "/auth/login", body };
  const text = await patiently(call, async () =>
    textOf(await success(await send(destination, call))),
  );
  return (JSON.parse(text) as { access_token: string }).access_token;
}

function send(destination: Destination, call: Call, token?: string): Promise<IncomingMessage> {
  const { method = "GET", path, body, raw, headers } = call;
  const type = raw?.type ?? (body === undefined ? undefined : "application/json");
  const payload = raw?.bytes ?? (body === undefined ? undefined : JSON.stringify(body));
  return dial(destination, {
    method,
    path: `/api/v1${path}`,
    headers: {
      ...(type ? { "content-type": type } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    ...(payload === undefined ? {} : { body: payload }),
  });
}

async function success(answer: IncomingMessage): Promise<IncomingMessage> {
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return answer;
  const retryAfter = Number(answer.headers["retry-after"] ?? Number.NaN);
  throw new ApiProblem(status, await textOf(answer), retryAfter);
}

/** Asks again where that helps, and where asking twice does no harm. */
async function patiently<T>({ method = "GET" }: Call, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      const seconds = waitFor(error, method === "GET" || method === "PUT");
      if (seconds === undefined || tries === TRIES) throw error;
      await pause(seconds * 1_000);
    }
  }
}

/** @returns seconds after which to ask again; undefined where that does not help */
function waitFor(error: unknown, mayRepeat: boolean): number | undefined {
  if (!(error instanceof ApiProblem)) return mayRepeat && isLost(error) ? 1 : undefined;
  const isLimit = error.status === 429 && error.code === "quota-exceeded";
  if (!isLimit && !(mayRepeat && error.status === 503)) return undefined;
  return error.retryAfter <= LONGEST_WAIT_SECONDS ? error.retryAfter : undefined;
}

/** Whether a connection broke that there had been. */
function isLost(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function documentIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return value && typeof value === "object" ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The problem as a person wants to read it: what, which values, and the id that the logs know it by. */
function sentence(status: number, document: Readonly<Record<string, unknown>>): string {
  const { title, detail, errors, request_id: request } = document;
  if (!title) return `The server answered ${status}, and not as Rowhouse does.`;
  const said = !detail || detail === title ? `${title}` : `${title}: ${detail}`;
  const fields = Array.isArray(errors)
    ? errors.map((field: { pointer: string; message: string }) => {
        return `\n  ${field.pointer} ${field.message}`;
      })
    : [];
  return `${status} ${said}${fields.join("")}${request ? `\n  request ${request}` : ""}`;
}

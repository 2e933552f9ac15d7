import { type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";

/** Where a deployment answers: the name that it knows itself by, and what is connected to. */
export interface Destination {
  /** Origin of the platform's door. Requests name its host, or one label below it. */
  readonly origin: URL;
  /** What is connected to instead, where names lead elsewhere or nowhere. */
  readonly via?: URL;
}

/** A request to a deployment. */
export interface Request {
  readonly method?: string;
  /** Path and query. */
  readonly path: string;
  /** Slug of the tenant whose door it is for; without one it is the platform's. */
  readonly door?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Longest silence, in ms; 60,000 by default. */
  readonly silenceMs?: number;
}

const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether what is sent there stays on this machine. */
export function isLoopback({ origin, via = origin }: Destination): boolean {
  return LOOPBACK.test(via.hostname);
}

/**
 * Reads `ROWHOUSE_URL` and `ROWHOUSE_DIAL` (`host:port`, or an origin).
 *
 * @throws Error for a person: no origin, or one that would be sent passwords in the clear
 */
export function destinationOf(env: NodeJS.ProcessEnv = process.env): Destination {
  const origin = originOf(env.ROWHOUSE_URL || "http://localhost:8787", "ROWHOUSE_URL");
  const dial = env.ROWHOUSE_DIAL;
  const via = dial
    ? originOf(/^https?:/.test(dial) ? dial : `${origin.protocol}//${dial}`, "ROWHOUSE_DIAL")
    : undefined;
  const destination = { origin, ...(via ? { via } : {}) };
  if ((via ?? origin).protocol !== "https:" && !isLoopback(destination)) {
    throw new Error(`ROWHOUSE_URL must begin with https:// outside this machine.`);
  }
  return destination;
}

function originOf(text: string, setting: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin = url && /^https?:$/.test(url.protocol) && url.host && url.pathname === "/";
  if (!isOrigin || url.search || url.hash || url.username || url.password) {
    throw new Error(`${setting} must be an origin such as https://rowhouse.example.`);
  }
  return url;
}

/**
 * Sends a request and returns once the answer has begun. `fetch` would not do: it does not let its
 * caller set `Host`, and `*.localhost` does not resolve in Node on plain Linux.
 *
 * @throws Error when nobody answers, or nothing has come for `silenceMs`
 */
export function dial(destination: Destination, request: Request): Promise<IncomingMessage> {
  const { origin, via = origin } = destination;
  const { method = "GET", path, door, body, silenceMs = 60_000 } = request;
  const start = via.protocol === "https:" ? overHttps : overHttp;
  const host = door === undefined ? origin.host : `${door}.${origin.host}`;
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const call = start(
      {
        host: isLoopback({ origin: via }) ? "127.0.0.1" : via.hostname,
        port: via.port || undefined,
        servername: host.replace(/:\d+$/, ""),
        method,
        path,
        headers: { host, ...length, ...request.headers },
        agent: false,
        timeout: silenceMs,
      },
      resolve,
    );
    call.on("timeout", () => {
      call.destroy(new Error(`silent for ${silenceMs / 1_000} s`));
    });
    call.on("error", (error: NodeJS.ErrnoException) => {
      const lost = new Error(`${origin.origin} does not answer (${error.code ?? error.message}).`);
      reject(Object.assign(lost, { code: error.code }));
    });
    call.end(body);
  });
}

/** All of an answer's body, as text. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer) text += chunk;
  return text;
}

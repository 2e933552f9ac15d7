import { type IncomingHttpHeaders, request } from "node:http";
import { setTimeout } from "node:timers/promises";

/** A request to the local server. */
export interface Outgoing {
  port: number;
  /** Host name of the door, such as `acme.localhost`; the port is added. */
  door?: string;
  method?: string;
  path: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  timeoutMs?: number;
}

/** What came back, whole. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/**
 * Sends a request to 127.0.0.1 and names the door in `Host`: `*.localhost` resolves in browsers and
 * curl but not in Node on plain Linux, and `fetch` does not let its caller set `Host`.
 *
 * @throws Error when nobody answers within `timeoutMs` (default 10,000)
 */
export function send(outgoing: Outgoing): Promise<Answer> {
  const { port, door = "localhost", method = "GET", path, timeoutMs = 10_000 } = outgoing;
  const payload = outgoing.body === undefined ? undefined : JSON.stringify(outgoing.body);
  const headers: Record<string, string> = { host: `${door}:${port}`, ...outgoing.headers };
  if (payload !== undefined) {
    headers["content-type"] ??= "application/json";
    headers["content-length"] = String(Buffer.byteLength(payload));
  }

  return new Promise((resolve, reject) => {
    const call = request(
      { host: "127.0.0.1", port, method, path, headers, agent: false, timeout: timeoutMs },
      (incoming) => {
        let text = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          text += chunk;
        });
        incoming.on("error", reject);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
        );
      },
    );
    call.on("timeout", () => call.destroy(new Error(`No answer within ${timeoutMs} ms.`)));
    call.on("error", reject);
    call.end(payload);
  });
}

/** Longest that a rate limit is waited for, in seconds: the window of the limits of an address. */
const LONGEST_WAIT_SECONDS = 60;

/**
 * Sends a request and, where a rate limit refuses it, once more when the answer says that it helps.
 * A locked account is no rate limit: its 429 is an answer.
 */
export async function sendPatiently(
  outgoing: Outgoing,
  pause: (ms: number) => Promise<unknown> = setTimeout,
): Promise<Answer> {
  const answer = await send(outgoing);
  const seconds = Number(answer.headers["retry-after"]);
  const isLimited = answer.status === 429 && /\/quota-exceeded"/.test(answer.text);
  if (!isLimited || !(seconds <= LONGEST_WAIT_SECONDS)) return answer;
  await pause(seconds * 1_000);
  return send(outgoing);
}

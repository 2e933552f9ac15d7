import { setTimeout } from "node:timers/promises";

/** An answer of Cloudflare's API that is no success. */
export class CloudflareError extends Error {
  override name = "CloudflareError";
  readonly status: number;
  /** Cloudflare's own numbers for what is wrong. */
  readonly codes: readonly number[];

  constructor(call: string, status: number, errors: readonly { code: number; message: string }[]) {
    const said = errors.map(({ code, message }) => `${message} (${code})`).join("; ");
    super(`Cloudflare answered ${status} to ${call}: ${said || "no reason given"}`);
    this.status = status;
    this.codes = errors.map(({ code }) => code);
  }
}

/** The account's part of Cloudflare's API. */
export interface Cloudflare {
  /**
   * @param path below `/accounts/{account}`
   * @throws CloudflareError on any answer but a success
   */
  call<T>(method: "GET" | "POST" | "PUT", path: string, body?: unknown): Promise<T>;
  /**
   * All rows of a list that comes in pages.
   *
   * @param perPage how many a page shall have; undefined where Cloudflare alone decides that
   */
  list<T>(path: string, perPage?: number): Promise<T[]>;
}

interface Envelope<T> {
  readonly success: boolean;
  readonly errors?: { code: number; message: string }[];
  readonly result: T;
  readonly result_info?: { readonly total_count?: number };
}

/** Times that a call is made, at most. */
const TRIES = 4;
/** Cloudflare allows 1,200 calls in 5 minutes, and says how long is left of them. */
const LONGEST_WAIT_SECONDS = 300;

/** As many rows as a page may have, where somebody may choose. */
export const LARGEST_PAGE = 1_000;

/**
 * @throws Error for a person when a setting is missing
 */
export function cloudflare(
  env: NodeJS.ProcessEnv = process.env,
  pause: (ms: number) => Promise<unknown> = setTimeout,
): Cloudflare {
  const { CLOUDFLARE_API_TOKEN: token, CLOUDFLARE_ACCOUNT_ID: account } = env;
  if (!token || !account) throw new Error("Set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.");
  const base = env.CLOUDFLARE_API_BASE_URL || "https://api.cloudflare.com/client/v4";

  const ask = (method: string, path: string, body: unknown) =>
    fetch(`${base}/accounts/${account}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => undefined);

  async function envelope<T>(method: string, path: string, body?: unknown): Promise<Envelope<T>> {
    for (let tries = 1; ; tries += 1) {
      const response = await ask(method, path, body);
      const answer = (await response?.json().catch(() => undefined)) as Envelope<T> | undefined;
      if (response?.ok && answer?.success) return answer;
      const seconds = tries < TRIES ? waitFor(response, method) : undefined;
      if (seconds !== undefined) await pause(seconds * 1_000);
      else if (response) {
        throw new CloudflareError(`${method} ${path}`, response.status, answer?.errors ?? []);
      } else throw new Error(`Cloudflare's API did not answer ${method} ${path}.`);
    }
  }

  async function list<T>(path: string, perPage?: number): Promise<T[]> {
    const rows: T[] = [];
    const size = perPage === undefined ? "" : `&per_page=${perPage}`;
    for (let page = 1; ; page += 1) {
      const answer = await envelope<T[]>("GET", `${path}?page=${page}${size}`);
      const { result: more, result_info: { total_count: total } = {} } = answer;
      rows.push(...more);
      const isLast =
        total === undefined ? more.length < (perPage ?? Infinity) : rows.length >= total;
      if (isLast || more.length === 0) return rows;
    }
  }

  return {
    call: async <T>(method: "GET" | "POST" | "PUT", path: string, body?: unknown) =>
      (await envelope<T>(method, path, body)).result,
    list,
  };
}

/** @returns seconds after which to ask again; undefined where that does not help, or might do twice */
function waitFor(response: Response | undefined, method: string): number | undefined {
  if (response?.status === 429) {
    const seconds = Number(response.headers.get("retry-after") ?? 1);
    return seconds <= LONGEST_WAIT_SECONDS ? seconds : undefined;
  }
  const isTheirs = !response || response.status >= 500;
  return isTheirs && method !== "POST" ? 1 : undefined;
}

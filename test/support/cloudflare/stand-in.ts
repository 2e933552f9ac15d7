import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { z } from "zod";
import { freePort } from "../../../scripts/lib/port.ts";
import { type Account, emptyAccount, hexId } from "./account.ts";
import { startEdge } from "./edge.ts";
import {
  type Call,
  Fault,
  isWrangler,
  type Method,
  type Reply,
  UnknownField,
  without,
} from "./endpoint.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { startRuntime } from "./runtime.ts";

const BASE = "/client/v4";
const NOTHING = z.strictObject({});

/** A stand-in of Cloudflare's API on loopback, whose Workers really run. */
export interface StandIn {
  account: Account;
  /** For `CLOUDFLARE_API_BASE_URL`. */
  url: string;
  /** Port of 127.0.0.1 on which the deployed Workers answer; `Host` chooses by the zones' routes. */
  edge: number;
  /** Every call so far, as `POST /accounts/…/queues`. */
  calls: string[];
  /** Calls and fields that Cloudflare's published schema does not have. Tests expect none. */
  unknown: string[];
  /**
   * At a change the line goes dead: it is made or not, its answer is lost either way, and so is every
   * later call until `mend`. A change is any call but a GET.
   *
   * @param at which: its number from now (1 is the next), or what its line in `calls` looks like
   * @returns a promise that is kept when that happens
   */
  cutAt(at: number | RegExp, change: "made" | "not made"): Promise<string>;
  mend(): void;
  stop(): Promise<void>;
}

/** The names in a zone that a deployment wants: the base domain, and everything one label below it. */
export const RECORDS = ["@", "*"].map((name) => ({ type: "AAAA", name, content: "100::" }));

/** Starts it with an account that has `zones`, and in each of them `records`, and nothing else. */
export async function startStandIn(
  zones: readonly string[],
  records: readonly { type: string; name: string; content: string }[] = RECORDS,
): Promise<StandIn> {
  const account = emptyAccount(zones, startRuntime(await freePort()));
  for (const zone of account.zones) {
    zone.dns = records.map((record) => ({ ...record, id: hexId(), proxied: true }));
  }
  const edge = await startEdge(account);
  const calls: string[] = [];
  const unknown: string[] = [];
  let cut: { at: number | RegExp; made: boolean; happened: (call: string) => void } | undefined;
  let changes = 0;
  let isDead = false;

  const server = createServer((request, response) => {
    serve(request, response).catch((error: Error) => {
      unknown.push(`${request.method} ${request.url}: ${error.stack}`);
      response.destroy();
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request).catch(() => undefined);
    // Who was killed in the middle of a call has not made it.
    if (body === undefined) return;
    if (isDead) return void response.destroy();
    const name = `${request.method} ${request.url?.replace(BASE, "")}`;
    if (request.url?.startsWith("/upload/")) {
      account.sqlFiles.set(request.url.slice("/upload/".length), body.toString());
      return void response.setHeader("etag", createHash("md5").update(body).digest("hex")).end();
    }
    calls.push(name);
    if (request.method !== "GET") changes += 1;
    const isCut = typeof cut?.at === "number" ? changes === cut.at : cut?.at.test(name);
    if (cut && isCut && request.method !== "GET") {
      const struck = cut;
      isDead = true;
      if (struck.made) await answer(request, body).catch(() => {});
      struck.happened(name);
      return void response.destroy();
    }
    const { status, json } = await answer(request, body);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
  }

  async function answer(request: IncomingMessage, body: Buffer) {
    try {
      const reply = await dispatch(account, request, body);
      return {
        status: 200,
        json: {
          success: true,
          errors: [],
          messages: [],
          result: reply.result,
          result_info: reply.info,
        },
      };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error instanceof UnknownField) {
        unknown.push(`${request.method} ${request.url?.replace(BASE, "")}: ${error.message}`);
      }
      const errors = [{ code: error.code, message: error.message }];
      return { status: error.status, json: { success: false, errors, messages: [], result: null } };
    }
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    account,
    edge: edge.port,
    url: `http://127.0.0.1:${port}${BASE}`,
    calls,
    unknown,
    cutAt: (at, change) =>
      new Promise((happened) => {
        changes = 0;
        cut = { at, made: change === "made", happened };
      }),
    mend() {
      cut = undefined;
      isDead = false;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await edge.stop();
      await account.runtime.stop();
    },
  };
}

/** Finds the endpoint, holds the call against its fields and answers it. */
async function dispatch(account: Account, request: IncomingMessage, raw: Buffer): Promise<Reply> {
  const url = new URL(request.url ?? "", "http://local");
  const headers = request.headers as Record<string, string>;
  const method = request.method as Method;
  const path = url.pathname.startsWith(BASE) ? url.pathname.slice(BASE.length) : "";
  const found = find(method, path);
  if (!found || (found.endpoint.wranglerOnly && !isWrangler({ headers }))) {
    throw new UnknownField("Cloudflare's published API has no such call.", 404);
  }
  const { endpoint, params } = found;
  const tolerated = isWrangler({ headers }) ? endpoint.wranglerFields : [];
  const isAssets = path.includes("/assets/upload");
  if (!isAssets && headers.authorization !== `Bearer ${account.token}`) {
    throw new Fault(403, 10_000, "Authentication error");
  }
  if (params.account !== undefined && params.account !== account.id) {
    throw new Fault(403, 10_000, "Authentication error");
  }
  const query = Object.fromEntries(url.searchParams);
  const asked = (endpoint.query ?? NOTHING).safeParse(without(query, tolerated));
  if (!asked.success) throw new UnknownField(`query: ${asked.error.message}`);
  const call: Call = {
    method,
    path: url.pathname + url.search,
    params,
    query,
    headers,
    body: undefined,
    form: undefined,
  };
  if (endpoint.form) {
    call.form = await new Response(new Uint8Array(raw), { headers }).formData();
  } else if (endpoint.body) {
    const sent = without(JSON.parse(raw.toString() || "null"), tolerated);
    const parsed = endpoint.body.safeParse(sent);
    if (!parsed.success) throw new UnknownField(`body: ${parsed.error.message}`);
    call.body = parsed.data;
  } else if (raw.length > 0) {
    throw new UnknownField(`a body: ${raw.toString().slice(0, 200)}`);
  }
  return endpoint.answer(account, call);
}

function find(method: Method, path: string) {
  const parts = path.split("/");
  for (const endpoint of ENDPOINTS) {
    const wanted = endpoint.path.split("/");
    if (endpoint.method !== method || wanted.length !== parts.length) continue;
    if (!wanted.every((part, index) => part.startsWith(":") || part === parts[index])) continue;
    const params = wanted.flatMap((part, index) =>
      part.startsWith(":") ? [[part.slice(1), decodeURIComponent(parts[index] as string)]] : [],
    );
    return { endpoint, params: Object.fromEntries(params) as Record<string, string> };
  }
  return undefined;
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

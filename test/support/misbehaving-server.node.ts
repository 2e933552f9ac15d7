import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { TestProject } from "vitest/node";

/** What the servers saw of one request. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Which of the two servers was asked. */
  readonly server: "first" | "second";
  /** Bytes of the body that the connection took. */
  taken: number;
  /** Whether the other side hung up before the answer was whole. */
  hungUp: boolean;
}

declare module "vitest" {
  interface ProvidedContext {
    misbehaving: {
      readonly first: number;
      readonly second: number;
      /** A port on which nobody listens. */
      readonly dead: number;
    };
  }
}

/** One request: `/<behaviour>/<id>?<options>`. The id is the test's own. */
interface Exchange {
  readonly query: URLSearchParams;
  readonly seen: Seen;
  /** How many requests came before with this id. */
  readonly earlier: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const GIGABYTE = 1_073_741_824;
const CHUNK = Buffer.alloc(65_536, "x");
const BOMB_BYTES = 67_108_864;

const BEHAVIOURS: Readonly<Record<string, (exchange: Exchange) => void>> = {
  /** Says what it got, with the headers that `header` lists as `name: value`. */
  echo({ query, response, seen, earlier }) {
    for (const header of query.getAll("header")) {
      const [name = "", ...value] = header.split(": ");
      response.appendHeader(name, value.join(": "));
    }
    response.statusCode = Number(query.get("status") ?? 200);
    response.end(JSON.stringify({ ...seen, nth: earlier + 1 }));
  },
  /** Fails so many `times`, then is well. */
  flaky(exchange) {
    const { query, response, earlier } = exchange;
    if (earlier >= Number(query.get("times"))) return BEHAVIOURS.echo?.(withoutOptions(exchange));
    if (query.get("status") === "cut") return response.destroy();
    const after = query.get("retry-after");
    if (after !== null) response.setHeader("retry-after", after);
    response.statusCode = Number(query.get("status"));
    response.end("not now");
  },
  never() {},
  headers({ response }) {
    response.writeHead(200, { "content-length": "10" }).flushHeaders();
  },
  /** A byte a second, five in all: whoever has the time gets an answer. */
  drip({ response }) {
    let left = 5;
    response.writeHead(200).write("x");
    const timer = setInterval(() => {
      left -= 1;
      if (left > 0) response.write("x");
      else response.end();
    }, 1_000);
    response.once("close", () => clearInterval(timer));
  },
  /** A gigabyte, as fast as it is taken. */
  flood({ query, response, seen }) {
    response.statusCode = Number(query.get("status") ?? 200);
    if (query.has("length")) response.setHeader("content-length", GIGABYTE);
    const more = () => {
      while (seen.taken < GIGABYTE) {
        if (response.destroyed) return;
        seen.taken += CHUNK.length;
        if (!response.write(CHUNK)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  },
  /** 64 MiB in some 64 KiB. */
  bomb({ query, response }) {
    const brotli = query.get("encoding") === "br";
    const bytes = Buffer.alloc(BOMB_BYTES);
    const fast = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
    const packed = brotli ? brotliCompressSync(bytes, fast) : gzipSync(bytes, { level: 9 });
    response.writeHead(200, { "content-encoding": brotli ? "br" : "gzip" }).end(packed);
  },
  /** A small body, packed. */
  packed({ response }) {
    response.writeHead(200, { "content-encoding": "gzip", "content-type": "text/plain" });
    response.end(gzipSync("unpacked!"));
  },
  redirect({ query, response }) {
    const status = Number(query.get("status") ?? 302);
    response.writeHead(status, { location: query.get("to") ?? "" }).end("elsewhere");
  },
  /** So many redirects `left`, then an echo. */
  chain(exchange) {
    const left = Number(exchange.query.get("left"));
    if (left === 0) return BEHAVIOURS.echo?.(withoutOptions(exchange));
    exchange.response.writeHead(302, { location: `?left=${left - 1}` }).end();
  },
  circle({ query, response }) {
    response.writeHead(302, { location: query.has("back") ? "?" : "?back=1" }).end();
  },
  /** Hangs up at once. */
  cut({ response }) {
    response.destroy();
  },
  /** Hangs up in the middle of the body. */
  torn({ query, response }) {
    if (!query.has("chunked")) response.setHeader("content-length", "1000");
    response.write("beginning", () => response.destroy());
  },
  "huge-headers"({ response }) {
    response.writeHead(200, { "x-huge": "x".repeat(4_194_304) }).end();
  },
  garbage({ response }) {
    response.socket?.end("no such protocol\r\n\r\n");
  },
};

/** Every request by its id. */
const records = new Map<string, Seen[]>();

/** Starts two servers that behave as badly as they are asked to, and stops them after the run. */
export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const [first, second, dead] = await Promise.all([
    listen(createServer((request, response) => serve("first", request, response))),
    listen(createServer((request, response) => serve("second", request, response))),
    listen(createServer()),
  ]);
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  project.provide("misbehaving", {
    first: portOf(first),
    second: portOf(second),
    dead: portOf(dead),
  });
  await close(dead);
  return async () => {
    await Promise.all([close(first), close(second)]);
  };
}

function serve(server: Seen["server"], request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://misbehaving.test");
  const [, behaviour = "", id = ""] = url.pathname.split("/");
  const known = records.get(id) ?? [];
  if (behaviour === "seen") {
    response.end(JSON.stringify(known));
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.once("end", () => {
    const seen: Seen = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers as Record<string, string>,
      body: Buffer.concat(chunks).toString(),
      server,
      taken: 0,
      hungUp: false,
    };
    response.once("close", () => {
      seen.hungUp = !response.writableFinished;
    });
    records.set(id, [...known, seen]);
    const behave = BEHAVIOURS[behaviour];
    const exchange = { query: url.searchParams, seen, earlier: known.length, request, response };
    if (behave) behave(exchange);
    else response.writeHead(404).end();
  });
}

function withoutOptions(exchange: Exchange): Exchange {
  return { ...exchange, query: new URLSearchParams() };
}

function listen(server: Server): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

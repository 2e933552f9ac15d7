import { createServer, type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import type { Account } from "./account.ts";

/** Where requests from the world come in. */
export interface Edge {
  port: number;
  stop(): Promise<void>;
}

/** Whether the account's DNS has a name, proxied: only such ones come to Workers. */
function isProxied({ zones }: Account, host: string): boolean {
  return zones.some(({ name: zone, dns }) =>
    dns
      .filter(({ proxied }) => proxied)
      .map(({ name }) => (name === "@" ? zone : `${name}.${zone}`))
      .some((name) => name === host || name === host.replace(/^[^.]+/, "*")),
  );
}

/**
 * Passes everything on to the runtime, but not before it runs what is deployed, and nothing for names
 * that the account's DNS does not have.
 */
export async function startEdge(account: Account): Promise<Edge> {
  const ready = () => account.runtime.settle(account).catch(() => {});
  const isKnown = ({ headers }: IncomingMessage) =>
    isProxied(account, (headers.host ?? "").replace(/:\d+$/, ""));
  const pass = (incoming: IncomingMessage) =>
    request({
      host: "127.0.0.1",
      port: account.runtime.port,
      method: incoming.method,
      path: incoming.url,
      // What comes from the world has come by TLS, which ends at the edge.
      headers: { ...incoming.headers, "x-forwarded-proto": "https" },
      agent: false,
    });

  const server = createServer(async (incoming, response) => {
    if (!isKnown(incoming)) return void response.destroy();
    await ready();
    const call = pass(incoming);
    call.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    call.on("error", () => response.destroy());
    incoming.pipe(call);
  });

  server.on("upgrade", async (incoming: IncomingMessage, socket: Duplex) => {
    if (!isKnown(incoming)) return void socket.destroy();
    await ready();
    const call = pass(incoming);
    call.on("upgrade", (answer, other) => {
      const lines = answer.rawHeaders.flatMap((name, index, all) =>
        index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : [],
      );
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      socket.pipe(other).pipe(socket);
    });
    call.on("response", () => socket.destroy());
    call.on("error", () => socket.destroy());
    call.end();
  });

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

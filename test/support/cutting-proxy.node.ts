import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** A line to a local server that can be cut at a request. */
export interface CuttingProxy {
  readonly port: number;
  /** Method and path of all requests so far. */
  readonly seen: readonly string[];
  /** Cuts the line at each request whose method and path match; null mends it. */
  cutAt(what: RegExp | null): void;
  close(): void;
}

/** Stands between a client and the server at a port. Host and answers are passed on as they are. */
export async function cuttingProxy(port: number): Promise<CuttingProxy> {
  const seen: string[] = [];
  let cut: RegExp | null = null;
  const server = createServer((incoming, outgoing) => {
    const what = `${incoming.method} ${incoming.url}`;
    seen.push(what);
    if (cut?.test(what)) return void incoming.socket.destroy();
    const { method, url, headers } = incoming;
    const through = request({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    through.on("error", () => incoming.socket.destroy());
    incoming.pipe(through);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    cutAt(what) {
      cut = what;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

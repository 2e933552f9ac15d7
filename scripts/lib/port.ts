import { createServer } from "node:net";

const DEFAULT_PORT = 8787;

/** The port to serve on: `PORT`, or 8787. */
export function chosenPort(env: NodeJS.ProcessEnv = process.env): number {
  if (!env.PORT) return DEFAULT_PORT;
  const port = Number(env.PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RangeError(`PORT must be a whole number from 1 to 65535, not "${env.PORT}".`);
  }
  return port;
}

/** Whether nobody listens on the port yet. */
export async function isFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== undefined;
}

/** @throws Error for a person when somebody listens on the port already */
export async function requireFree(port: number): Promise<void> {
  if (await isFree(port)) return;
  throw new Error(
    `Port ${port} is taken by another program. Stop it, or choose another port: PORT=8788 npm start (a second Rowhouse beside a running one needs data of its own: ROWHOUSE_STATE=<directory>)`,
  );
}

/** A port that nobody listens on. Somebody may take it before you do; ask right before using it. */
export async function freePort(): Promise<number> {
  const port = await listenOnce(0);
  if (port === undefined) throw new Error("No free port on 127.0.0.1.");
  return port;
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}

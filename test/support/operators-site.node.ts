import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Site } from "../../scripts/lib/deploy/site.ts";
import { connect } from "../../scripts/lib/operators-api.ts";

/** What an operators' API answers to a call; what is no success is a problem document. */
export interface PlannedAnswer {
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** A deployment that says what it is told to, and notes what it is asked. */
export interface OperatorsSite {
  readonly site: Site;
  /** Such as `POST /api/v1/migrations`. */
  readonly calls: readonly string[];
  stop(): Promise<void>;
}

/**
 * Starts it on loopback. It lets everybody in.
 *
 * @param answers by call; of several answers each is given once, and the last for ever. What is not
 * named is 404.
 */
export async function startOperatorsSite(
  answers: Readonly<Record<string, readonly PlannedAnswer[]>>,
): Promise<OperatorsSite> {
  const calls: string[] = [];
  const signIn = [{ status: 200, body: { access_token: "token", expires_in: 900 } }];
  const planned: typeof answers = { "POST /api/v1/auth/login": signIn, ...answers };
  const server = createServer((request, response) => {
    const call = `${request.method} ${request.url}`;
    const before = calls.filter((other) => other === call).length;
    calls.push(call);
    const { status, body = {} } = planned[call]?.[before] ??
      planned[call]?.at(-1) ?? { status: 404 };
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const destination = {
    origin: new URL("https://rowhouse.example"),
    via: new URL(`http://127.0.0.1:${port}`),
  };
  const credentials = { email: "operator@house.example", password: "a-long-enough-passphrase" };
  return {
    site: { destination, credentials, operators: connect(destination, credentials) },
    calls,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

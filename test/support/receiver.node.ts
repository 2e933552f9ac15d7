import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Port of the receiver of deliveries. */
    receiver: number;
  }
}

/** How a mailbox verifies and answers. */
export interface Mailbox {
  /** The receiver may know one secret or several; each is tried by itself. */
  readonly secrets: readonly string[];
  /** The receiver's clock in ms, where it is not the real one. */
  readonly now: number | null;
  /** Answers in their order; after the last one all is well. */
  readonly answers: readonly {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }[];
}

/** A delivery as it arrived. */
export interface Arrived {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What `standardwebhooks` says of it, by secret: "ok", or why not. */
  readonly verdicts: readonly string[];
}

const mailboxes = new Map<string, Mailbox & { readonly arrived: Arrived[] }>();
const EMPTY: Mailbox = { secrets: [], now: null, answers: [] };

/** Starts a receiver of Standard Webhooks, as somebody else would write one, for all tests. */
export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      const { status, headers, body } = serve(
        request.method ?? "",
        request.url ?? "",
        request.headers,
        Buffer.concat(chunks).toString(),
      );
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  project.provide("receiver", (server.address() as AddressInfo).port);
  return () => close(server);
}

/** `PUT` sets a mailbox up, `GET` shows what came, `POST` is a delivery. */
function serve(method: string, name: string, headers: IncomingHttpHeaders, body: string) {
  const mailbox = mailboxes.get(name) ?? { ...EMPTY, arrived: [] };
  if (method === "PUT") {
    mailboxes.set(name, { ...mailbox, ...JSON.parse(body) });
    return { status: 204 };
  }
  if (method === "GET") return { status: 200, body: JSON.stringify(mailbox.arrived) };
  const verdicts = mailbox.secrets.map((secret) => verdict(secret, headers, body, mailbox.now));
  mailbox.arrived.push({ headers: headers as Arrived["headers"], body, verdicts });
  const [answer = { status: 200, body: "thank you" }, ...answers] = mailbox.answers;
  mailboxes.set(name, { ...mailbox, answers });
  return answer;
}

function verdict(
  secret: string,
  headers: IncomingHttpHeaders,
  body: string,
  now: number | null,
): string {
  const real = Date.now;
  // The library asks the clock by itself; nothing else runs before it is put back.
  if (now !== null) Date.now = () => now;
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return "ok";
  } catch (error) {
    return (error as Error).message;
  } finally {
    Date.now = real;
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

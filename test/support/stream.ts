/** Clients of the live stream, and the object behind it. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { StreamSource } from "../../src/platform/stream/stream-source.ts";
import { type Caller, call, type TestTenant, toReply } from "./client.ts";
import { bindings, type OtherWorker, openWorker } from "./worker.ts";

const worker = (exports as unknown as { default: Fetcher }).default;

/** How long a test waits for what is bound to come, in ms. */
const PATIENCE = { timeout: 20_000, interval: 5 };

/** What the server has sent. */
export interface Message {
  readonly type: string;
  readonly id: string;
  readonly occurred_at?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into signals of every shape
  readonly data?: any;
}

export interface Watcher {
  readonly socket: WebSocket;
  readonly headers: Headers;
  /** All that came, the first one first. */
  readonly messages: Message[];
  /** Only what happened to signals. */
  items(): Message[];
  /** Id of the last message. */
  last(): string;
  /** How the server closed it; null while it is open. */
  closed(): { readonly code: number; readonly reason: string } | null;
  ack(id?: string): void;
  /** Waits until it was told of so many changes. */
  until(count: number): Promise<void>;
  untilClosed(): Promise<{ readonly code: number; readonly reason: string }>;
}

export interface Connecting {
  readonly after?: string | undefined;
  readonly headers?: Record<string, string>;
  /** Whether it acknowledges what it gets by itself; otherwise the test does. */
  readonly acks?: boolean;
}

/** The tenant's object. */
export function streamOf(tenant: TestTenant): DurableObjectStub {
  return (bindings.SIGNAL_STREAM as DurableObjectNamespace).getByName(tenant.id);
}

/** Changes what the object's source says, until it is evicted. */
export function changeSource(
  tenant: TestTenant,
  change: (source: StreamSource) => Partial<StreamSource>,
): Promise<void> {
  return runInDurableObject(streamOf(tenant), (stream) => {
    const open = stream as unknown as { source: StreamSource };
    open.source = { ...open.source, ...change(open.source) };
  });
}

/** Holds back the answer to the next question to the source, until it is let go. */
export async function holdBack(tenant: TestTenant, question: "pull" | "standing") {
  // No promise: those of one object wake nobody in another.
  const gate = { isOpen: false, calls: 0 };
  const slow =
    <A extends unknown[], R>(ask: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      gate.calls += 1;
      const isFirst = gate.calls === 1;
      const answer = await ask(...args);
      while (isFirst && !gate.isOpen) await scheduler.wait(1);
      return answer;
    };
  await changeSource(tenant, ({ pull, standing }) =>
    question === "pull" ? { pull: slow(pull) } : { standing: slow(standing) },
  );
  return {
    letGo: () => {
      gate.isOpen = true;
    },
    untilAsked: () => vi.waitFor(() => expect(gate.calls).toBe(1), PATIENCE),
  };
}

/** Runs the object's alarm, if it has set one. @returns whether it had */
export function ringAlarm(tenant: TestTenant): Promise<boolean> {
  return runDurableObjectAlarm(streamOf(tenant));
}

export async function newTicket(tenant: TestTenant, caller: Caller = tenant.admin) {
  const reply = await call("POST", `${tenant.api}/signals/stream-tickets`, { token: caller.token });
  expect(reply.status, reply.text).toBe(201);
  return reply.json as { ticket: string; expires_in: number; url: string; protocols: string[] };
}

/** Knocks with these subprotocols. */
export function knock(
  tenant: TestTenant,
  protocols: readonly string[],
  { after, headers = {} }: Connecting = {},
): Promise<Response> {
  const query = after === undefined ? "" : `?last_event_id=${after}`;
  return worker.fetch(`${tenant.api}/signals/stream${query}`, {
    headers: {
      upgrade: "websocket",
      "cf-connecting-ip": "203.0.113.7",
      ...(protocols.length > 0 ? { "sec-websocket-protocol": protocols.join(", ") } : {}),
      ...headers,
    },
  });
}

/** Opens a stream. */
export async function watch(
  tenant: TestTenant,
  caller: Caller = tenant.admin,
  connecting: Connecting = {},
): Promise<Watcher> {
  const { protocols } = await newTicket(tenant, caller);
  const response = await knock(tenant, protocols, connecting);
  expect(response.status, response.webSocket ? "" : await response.text()).toBe(101);
  const watcher = watcherOf(response, connecting.acks ?? true);
  await vi.waitFor(() => expect(watcher.messages[0]?.type).toBe("ready"), PATIENCE);
  return watcher;
}

function watcherOf(response: Response, acks: boolean): Watcher {
  const socket = response.webSocket as WebSocket;
  const messages: Message[] = [];
  let closing: { code: number; reason: string } | null = null;
  const watcher: Watcher = {
    socket,
    headers: response.headers,
    messages,
    items: () => messages.filter(({ type }) => type.startsWith("signal.")),
    last: () => messages.at(-1)?.id ?? "",
    closed: () => closing,
    ack: (id = watcher.last()) => socket.send(JSON.stringify({ ack: id })),
    until: (count) =>
      vi.waitFor(() => expect(watcher.items().length).toBeGreaterThanOrEqual(count), PATIENCE),
    untilClosed: () =>
      vi.waitFor(() => {
        if (!closing) throw new Error("The stream is open still.");
        return closing;
      }, PATIENCE),
  };
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    // What was on its way when the client left reaches nobody.
    if (socket.readyState !== WebSocket.READY_STATE_OPEN) return;
    const message = JSON.parse(String(data)) as Message;
    messages.push(message);
    if (acks) watcher.ack(message.id);
  });
  socket.addEventListener("close", ({ code, reason }) => {
    closing = { code, reason };
    socket.close(1000);
  });
  return watcher;
}

/** The Worker, whose words to streams are lost when `isLost` says so: always, if it is left out. */
export function losingBells(isLost: () => boolean = () => true): OtherWorker {
  const getByName = (name: string) => {
    const stub = bindings.SIGNAL_STREAM.getByName(name);
    const lossy = (say: () => Promise<void>) => () => (isLost() ? Promise.resolve() : say());
    return { ring: lossy(() => stub.ring()), recheck: lossy(() => stub.recheck()) };
  };
  return openWorker({ SIGNAL_STREAM: { getByName } as unknown as typeof bindings.SIGNAL_STREAM });
}

/** Opens a signal by hand. @returns its id */
export async function openSignal(
  tenant: TestTenant,
  worker: Pick<OtherWorker, "call"> = { call },
): Promise<string> {
  const reply = await worker.call("POST", `${tenant.api}/signals`, {
    token: tenant.admin.token,
    body: { severity: "low", title: "Something happened" },
  });
  expect(reply.status, reply.text).toBe(201);
  return reply.json.id;
}

/** What came, and what instead of a stream; a stream that was opened is closed again. */
export async function outcomeOf(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  response.webSocket?.accept();
  response.webSocket?.close(1000);
  const { status, json } = await toReply(response);
  return json ? `${status} ${String(json.type).split("/").at(-1)}` : String(status);
}

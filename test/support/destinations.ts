/** A tenant whose events are delivered to a receiver on the other side of a real connection. */
import { expect, inject } from "vitest";
import type { Bindings } from "../../src/env.ts";
import type { DeliverOptions } from "../../src/features/destinations/attempt.service.ts";
import { deliver } from "../../src/features/destinations/deliver.service.ts";
import { findEvent } from "../../src/features/events/index.ts";
import { type Reply, signIn } from "./client.ts";
import { type QuietHouse, quietHouse } from "./quiet-house.ts";
import type { Arrived, Mailbox } from "./receiver.node.ts";

/** Somebody's endpoint. */
export interface Receiver {
  readonly url: string;
  /** What came, the first one first. */
  arrived(): Promise<Arrived[]>;
  set(mailbox: Partial<Mailbox>): Promise<void>;
}

let made = 0;

export function newReceiver(): Receiver {
  const url = `http://127.0.0.1:${inject("receiver")}/${crypto.randomUUID()}-${++made}`;
  return {
    url,
    arrived: async () => (await fetch(url)).json(),
    set: async (mailbox) => {
      const reply = await fetch(url, { method: "PUT", body: JSON.stringify(mailbox) });
      expect(reply.status).toBe(204);
    },
  };
}

export interface TestDestination {
  readonly id: string;
  readonly path: string;
  readonly secret: string;
  readonly receiver: Receiver;
}

export interface DeliveryHouse extends QuietHouse {
  /** Adds a destination; its receiver knows the secret. */
  addDestination(input?: Record<string, unknown>): Promise<TestDestination>;
  /** Has a webhook received and processed. @returns id of the event that it became */
  happen(type?: string, data?: Record<string, unknown>): Promise<string>;
  /** What a consumer does when a doorbell rings: the chain's own, `again`, or one without a token. */
  deliver(
    options?: Partial<DeliverOptions>,
    bell?: { readonly again?: boolean },
    changes?: Partial<Bindings>,
  ): Promise<void>;
  /** A destination's deliveries, the newest first, as the API shows them. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  deliveries(destination: TestDestination, query?: string): Promise<any[]>;
  /** A delivery with its log. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  detail(destination: TestDestination, id: string): Promise<any>;
  destination(destination: TestDestination): Promise<Reply["json"]>;
}

export async function deliveryHouse(): Promise<DeliveryHouse> {
  const house = await quietHouse();
  const { tenant, worker } = house;
  const quiet: QuietHouse = {
    ...house,
    // Signed in anew: days may have passed.
    ask: async (method, path, body) => {
      const { token } = await signIn(tenant.api, tenant.admin.email);
      return worker.call(method, `${tenant.api}${path}`, { token, body });
    },
  };
  let happened = 0;
  const read = async (path: string) => {
    const reply = await quiet.ask("GET", path);
    expect(reply.status, reply.text).toBe(200);
    return reply.json;
  };
  return {
    ...quiet,
    addDestination: async (input = {}) => {
      const receiver = newReceiver();
      const reply = await quiet.ask("POST", "/destinations", { url: receiver.url, ...input });
      expect(reply.status, reply.text).toBe(201);
      const { id, secret } = reply.json;
      await receiver.set({ secrets: [secret], now: Date.now() });
      return { id, secret, receiver, path: `/destinations/${id}` };
    },
    happen: async (type, data) => {
      const source = await quiet.accept(`happening-${++happened}`, type, data);
      await quiet.drain();
      const { data: found } = await read(`/events?source_id=${source}`);
      expect(found).toHaveLength(1);
      return found[0].id;
    },
    deliver: async (options = {}, bell = {}, changes = {}) => {
      const chain = "SELECT chain FROM delivery_drain";
      const again = bell.again
        ? ((await quiet.database.prepare(chain).first<string>("chain")) ?? undefined)
        : undefined;
      await deliver(await quiet.ctx(changes), again === undefined ? {} : { again }, {
        findEvent,
        random: () => 0.5,
        ...options,
      });
    },
    deliveries: async ({ path }, query = "") => (await read(`${path}/deliveries${query}`)).data,
    detail: ({ path }, id) => read(`${path}/deliveries/${id}`),
    destination: ({ path }) => read(path),
  };
}

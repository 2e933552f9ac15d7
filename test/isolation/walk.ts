/** A hundred tenants that live side by side in one isolate, and what they have at hand. */
import { expect } from "vitest";
import { servers } from "../support/called-services.ts";
import { type Caller, PASSWORD, problemOf, type Reply } from "../support/client.ts";
import type { Random } from "../support/random.ts";
import { REGISTER, registrationOf } from "../support/registration.ts";
import { SECRET, type SignedDelivery, signed, type TestService } from "../support/webhooks.ts";
import { bindings, openWorker, registryOf } from "../support/worker.ts";
import { createScan, markOf, type Scan } from "./canary-scan.ts";
import { settled } from "./houses.ts";
import { openDestinations } from "./steps-destinations.ts";
import { openSignals } from "./steps-signals.ts";

/** Lists that a tenant's admins read, and where they are. */
export const LISTS = {
  users: "/users",
  audit: "/audit",
  services: "/services",
  webhooks: "/webhooks/events",
  rejections: "/webhooks/rejections",
  events: "/events",
  destinations: "/destinations",
  actors: "/actors",
  signals: "/signals",
  rules: "/signal-rules",
} as const;
export type ListName = keyof typeof LISTS;

/** A service whose secret is changed now and then. */
export type Shop = { -readonly [K in keyof TestService]: TestService[K] };

export interface Delivered extends SignedDelivery {
  readonly eventId: string;
}

/** A tenant, with all that it may show to others or send to the wrong door. */
export interface Home {
  readonly index: number;
  readonly id: string;
  readonly mark: string;
  readonly slug: string;
  readonly origin: string;
  /** Name of its D1 binding. */
  readonly binding: string;
  readonly admins: Caller[];
  /** Ids that its admins may change. */
  readonly users: string[];
  readonly cursors: Readonly<Record<ListName, string[]>>;
  /** A service whose slug all tenants have, and one that is named by the tenant. */
  readonly shop: Shop;
  readonly own: TestService;
  /** Ids of received webhooks, and of what became of them. */
  readonly webhooks: string[];
  readonly events: string[];
  /** Ids of its destinations, the first for all that happens, and of what was sent there. */
  readonly destinations: string[];
  readonly outgoing: string[];
  /** Ids of who acts in its business, of what somebody looks at, and of its rules. */
  readonly actors: string[];
  readonly signals: string[];
  readonly rules: string[];
  /** Id of a webhook that always fails. */
  dead: string;
  /** What was sent to the shop, as its sender signed it, and under which of our ids it was kept. */
  readonly deliveries: Delivered[];
  readonly bookmarks: string[];
  readonly etags: string[];
  /** What was answered to each Idempotency-Key. */
  readonly answers: Map<string, { readonly body: object; readonly text: string }>;
}

export interface Ask {
  readonly token?: string | undefined;
  readonly body?: object;
  /** Sent as it is, instead of `body`. */
  readonly raw?: Uint8Array;
  readonly headers?: Record<string, string>;
  /** What of another tenant is in the request, so that its echo is no leak. */
  readonly sent?: readonly string[];
}

export interface Walk {
  readonly homes: readonly Home[];
  readonly scan: Scan;
  /** Asks at the home's own door, with its canaries in the headers, and scans the answer. */
  ask(home: Home, method: string, path: string, ask?: Ask): Promise<Reply>;
  /** Where the sessions of the home's database were started since the last time, in order. */
  starts(home: Home): string[];
  /** A text with the home's canary that was never used before. */
  fresh(home: Home, word: string): string;
}

/** Tenants that register at once. */
const MOVING = 25;

/** Founds the tenants, through a Worker whose bindings tell how they are used. */
export async function found(count: number, random: Random): Promise<Walk> {
  const started = new Map<string, string[]>();
  const worker = openWorker(observedBindings(started));
  const scan = createScan();
  let serial = 0;
  const headersOf = (mark: string) => ({
    "user-agent": `Browser of ${mark}`,
    "x-request-id": `${mark}.${++serial}`,
  });
  const ipOf = (index: number) => `198.18.${index}.7`;

  const walk: Walk = {
    homes: [],
    scan,
    fresh: (home, word) => `${word}-${home.mark}-${++serial}`,
    starts: ({ binding }) => {
      const seen = started.get(binding) ?? [];
      started.set(binding, []);
      return seen;
    },
    ask: async (home, method, path, { token, body, raw, headers, sent = [] } = {}) => {
      const url = path.startsWith("/api")
        ? `${home.origin}${path}`
        : `${home.origin}/api/v1${path}`;
      const reply = await worker.call(method, url, {
        token,
        body,
        ...(raw ? { raw } : {}),
        headers: { ...headersOf(home.mark), ...headers },
        ip: ipOf(home.index),
      });
      expect(scan.leaks(home.index, reply, sent), `${method} ${path}: ${reply.text}`).toEqual([]);
      const bookmark = reply.headers.get("x-d1-bookmark");
      if (bookmark) keep(home.bookmarks, bookmark);
      return reply;
    },
  };
  const homes = walk.homes as Home[];
  const move = async (slug: string, index: number): Promise<void> => {
    const body = registrationOf(slug, { admin_first_name: `Ada ${slug}`, admin_last_name: slug });
    const from = { headers: headersOf(slug), ip: ipOf(index) };
    const reply = await worker.call("POST", REGISTER, { body, ...from });
    expect(reply.status, reply.text).toBe(201);
    expect(scan.leaks(index, reply, [])).toEqual([]);
    homes[index] = {
      index,
      id: reply.json.tenant.id,
      mark: slug,
      slug,
      origin: reply.json.tenant.url,
      binding: String((await registryOf(slug))?.binding),
      admins: [callerOf(reply)],
      users: [],
      cursors: {
        users: [],
        audit: [],
        services: [],
        webhooks: [],
        rejections: [],
        events: [],
        destinations: [],
        actors: [],
        signals: [],
        rules: [],
      },
      shop: serviceOf(reply.json.tenant.url, "shop", index),
      own: {
        ...serviceOf(reply.json.tenant.url, slug, index),
        settings: { scheme: "hmac-body", signature_header: `X-${slug}` },
      },
      webhooks: [],
      events: [],
      destinations: [],
      outgoing: [],
      actors: [],
      signals: [],
      rules: [],
      dead: "",
      deliveries: [],
      bookmarks: [],
      etags: [],
      answers: new Map(),
    };
    await settle(walk, homes[index]);
  };
  const slugs = Array.from({ length: count }, (_, index) => {
    const salt = Math.floor(random.next() * 2 ** 32).toString(16);
    return markOf(index, salt.padStart(8, "0"));
  });
  for (let index = 0; index < count; index += MOVING) {
    const some = slugs.slice(index, index + MOVING);
    await Promise.all(some.map((slug, at) => move(slug, index + at)));
  }
  return walk;
}

/** A second admin, who signs in, somebody to change, and one of all that others may try. */
async function settle(walk: Walk, home: Home): Promise<void> {
  const [{ token }] = home.admins as [Caller];
  const add = async (role: string) => {
    const body = { ...personOf(walk, home), role };
    const reply = await walk.ask(home, "POST", "/users", { token, body });
    expect(reply.status, reply.text).toBe(201);
    return { id: reply.json.id as string, email: body.email };
  };
  home.users.push((await add("user")).id);
  home.admins.push(await signIn(walk, home, (await add("admin")).email));
  await trade(walk, home, token);
  await openSignals(walk, home, token);
  for (const list of Object.keys(LISTS) as ListName[]) {
    const reply = await walk.ask(home, "GET", `${LISTS[list]}?limit=1`, { token });
    keep(home.cursors[list], reply.json.next_cursor);
  }
  const reply = await walk.ask(home, "GET", "/tenants/current", { token });
  keep(home.etags, String(reply.headers.get("etag")));
}

/** Two services, and webhooks that leave the tenant's canary in every column that takes one. */
async function trade(walk: Walk, home: Home, token: string): Promise<void> {
  for (const { slug, secret, settings } of [home.shop, home.own]) {
    const webhook = { ...settings, secrets: [secret], max_attempts: 1 };
    const api = slug === "shop" ? { api: apiOf(home) } : {};
    const body = { slug, name: walk.fresh(home, "Service"), webhook, ...api };
    const reply = await walk.ask(home, "POST", "/services", { token, body });
    expect(reply.status, reply.text).toBe(201);
  }
  await openDestinations(walk, home, token);
  const forged = await signed({ ...home.own, secret: home.shop.secret }, "{}");
  expectProblem(await deliverTo(walk, home, forged), "invalid-signature");
  expectProblem(await deliverTo(walk, home, { ...forged, headers: {} }), "invalid-signature");
  const ids = [
    await receive(walk, home, home.shop, orderOf(walk, home)),
    await receive(walk, home, home.own, orderOf(walk, home)),
    // A refund without its payment is a dead letter, and the error says whose.
    await receive(walk, home, home.own, { ...orderOf(walk, home), event_type: "payment.refunded" }),
  ];
  const contentType = `text/plain; of=${home.mark}`;
  const bytes = new Uint8Array([...new TextEncoder().encode(walk.fresh(home, "bytes")), 0xff]);
  const bare = await deliverTo(walk, home, await signed(home.own, bytes, { contentType }));
  expect(bare.status, bare.text).toBe(202);
  home.webhooks.push(...ids, bare.json.event_id);
  home.dead = ids[2] ?? "";
  await settled(home);
  const { json } = await walk.ask(home, "GET", "/events", { token });
  home.events.push(...json.data.map((event: { id: string }) => event.id));
  expect(home.events).toHaveLength(3);
  const sent = `/destinations/${home.destinations[0]}/deliveries`;
  for (const { id } of (await walk.ask(home, "GET", sent, { token })).json.data) {
    home.outgoing.push(id);
  }
  expect(home.outgoing).toHaveLength(3);
}

/** Everybody calls the same address: it is by the user's name alone that the tenants differ. */
function apiOf({ mark }: Home) {
  const auth = { type: "basic", username: mark, password: `${SECRET}-${mark}` };
  return { base_url: `${servers().first}/echo/shop-of-all`, auth };
}

/** Something that somebody ordered, full of what is the tenant's alone. */
export function orderOf(walk: Walk, home: Home) {
  return {
    event_id: walk.fresh(home, "order"),
    event_type: walk.fresh(home, "order"),
    id: walk.fresh(home, "subject"),
    customer: walk.fresh(home, "customer"),
  };
}

/** Sends a delivery to the home's own door, wherever it was meant to go. */
export function deliverTo(
  walk: Walk,
  home: Home,
  { url, headers, body }: SignedDelivery,
  sent: readonly string[] = [],
): Promise<Reply> {
  return walk.ask(home, "POST", new URL(url).pathname, { raw: body, headers, sent });
}

/** Has the home receive something for the first time. @returns our id of it */
export async function receive(
  walk: Walk,
  home: Home,
  service: TestService,
  event: object,
): Promise<string> {
  const delivery = await signed(service, JSON.stringify(event));
  const reply = await deliverTo(walk, home, delivery);
  expect(reply.status, reply.text).toBe(202);
  const eventId: string = reply.json.event_id;
  if (service === home.shop) keep(home.deliveries, { ...delivery, eventId });
  return eventId;
}

function serviceOf(origin: string, slug: string, index: number): TestService {
  return {
    slug,
    url: `${origin}/api/v1/webhooks/${slug}`,
    settings: { scheme: "generic" },
    secret: `${SECRET}-${slug}-${index}`,
  };
}

export function personOf(walk: Walk, home: Home) {
  return {
    email: `${walk.fresh(home, "person")}@people.test`,
    password: PASSWORD,
    first_name: walk.fresh(home, "First"),
    last_name: walk.fresh(home, "Last"),
    role: "user",
  };
}

export async function signIn(walk: Walk, home: Home, email: string): Promise<Caller> {
  const reply = await walk.ask(home, "POST", "/auth/login", {
    body: { email, password: PASSWORD },
  });
  expect(reply.status, reply.text).toBe(200);
  return callerOf(reply);
}

export function callerOf({ json }: Reply): Caller {
  return {
    id: json.user.id,
    email: json.user.email,
    token: json.access_token,
    refreshToken: json.refresh_token,
    deviceToken: json.device_token,
  };
}

/** The newest few of what a tenant was given. */
export function keep<T>(list: T[], value: T): void {
  list.push(value);
  if (list.length > 4) list.shift();
}

export function expectProblem(reply: Reply, code: string): void {
  expect(reply.json?.type, reply.text).toContain(`/${code}`);
  expect(problemOf(reply)).toBe(code);
}

function observedBindings(started: Map<string, string[]>): Record<string, D1Database> {
  const names = Object.keys(bindings).filter((name) => name.startsWith("TENANT_DB_"));
  return Object.fromEntries(
    names.map((name) => {
      const database = bindings[name] as D1Database;
      const observed = new Proxy(database, {
        get: (target, property) => {
          if (property !== "withSession") return Reflect.get(target, property).bind(target);
          return (start: string) => {
            started.set(name, [...(started.get(name) ?? []), start]);
            return target.withSession(start);
          };
        },
      });
      return [name, observed];
    }),
  );
}

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addActor } from "../../support/actors.ts";
import { doneImport } from "../../support/archives.ts";
import { servers } from "../../support/called-services.ts";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { HOSTILE_TEXTS } from "../../support/hostile.ts";
import { forgetCells, knowThisCell, POOL, THIS_CELL } from "../../support/open-cell.ts";
import { type Ids, type Operation, operationsOf, type Schema } from "../../support/operations.ts";
import {
  FIRST_OF_DATA,
  type ReadBack,
  type ReadBacks,
  readBacksOf,
} from "../../support/read-backs.ts";
import { openSignal } from "../../support/stream.ts";
import { addService, deliver, received, signed, type TestService } from "../../support/webhooks.ts";
import { bindings } from "../../support/worker.ts";

let acme: TestTenant;
let victim: TestTenant;
/** One that is being moved. */
let mover: TestTenant;
/** One that left long ago, and is erased. */
let leaver: TestTenant;
let colleague: Caller;
let reader: Caller;
let operator: Caller;
/** One that receives, and one that is changed. */
let service: TestService;
let changed: TestService;
let actor: string;
let made = 0;

interface Place {
  readonly origin: string;
  readonly token: string;
  /** What the parameters of paths stand for. */
  readonly ids: Ids;
}
let readBacks: ReadBacks;
let doors: { tenant: Place; platform: Place };
let operations: { door: "tenant" | "platform"; operation: Operation }[];

beforeAll(async () => {
  [acme, victim, operator] = [await newTenant(), await newTenant(), await newOperator()];
  [colleague, reader] = [await addUser(acme, "manager"), await addUser(acme, "user")];
  [service, changed] = [await addService(acme), await addService(acme)];
  const added = await call("POST", `${acme.api}/destinations`, {
    token: acme.admin.token,
    body: { url: "https://hooks.acme.example/", event_types: ["nothing.ever"] },
  });
  actor = await addActor(acme);
  const ruled = await call("POST", `${acme.api}/signal-rules`, {
    token: acme.admin.token,
    body: { metric: "hostile", operator: ">", threshold: 1, severity: "low" },
  });
  const ids = {
    users: colleague.id,
    slug: changed.slug,
    service: service.slug,
    destinations: added.json.id,
    actors: actor,
    signals: await openSignal(acme),
    "signal-rules": ruled.json.id,
  };
  doors = {
    tenant: { origin: acme.origin, token: acme.admin.token, ids },
    platform: {
      origin: PLATFORM_ORIGIN,
      token: operator.token,
      ids: { tenants: victim.id, cells: THIS_CELL, import: await doneImport(victim.id) },
    },
  };
  readBacks = readBacksOf(acme, ids, victim.id);
  [mover, leaver] = [await newTenant(), await newTenant()];
  await bindings.CONTROL_DB.prepare(
    "UPDATE tenants SET state = 'deactivated', deactivated_at = 0 WHERE id = ?",
  )
    .bind(leaver.id)
    .run();
  await knowThisCell();
  operations = [];
  for (const door of ["tenant", "platform"] as const) {
    for (const operation of await operationsOf(doors[door].origin)) {
      operations.push({ door, operation });
    }
  }
});

// Other files of this isolate know of no cell.
afterAll(forgetCells);

/** Sends a body to an operation, signed in again where the last request ended the session. */
async function send(at: "tenant" | "platform", operation: Operation, body: unknown) {
  const { origin, token, ids } = doors[at];
  const isPurge = operation.id === "purgeTenant";
  const url = operation.url(origin, isPurge ? { ...ids, tenants: leaver.id } : ids);
  const first = await call(operation.method, url, { token, body });
  if (first.status !== 401 || operation.isPublic) return first;
  const email = at === "tenant" ? acme.admin.email : operator.email;
  const again = await signIn(`${origin}/api/v1`, email);
  doors = { ...doors, [at]: { ...doors[at], token: again.token } };
  return call(operation.method, url, { token: again.token, body });
}

/** A body that would be accepted, with what has to be unique, or has to be right, in place. */
function bodyFor(operation: Operation): Record<string, unknown> {
  const unique = `hostile-${++made}`;
  const right: Record<string, unknown> = {
    email: `${unique}@hostile.test`,
    admin_email: `${unique}@hostile.test`,
    slug: operation.id === "purgeTenant" ? leaver.slug : unique,
    password: PASSWORD,
    admin_password: PASSWORD,
    current_password: PASSWORD,
    new_password: PASSWORD,
    actor_id: actor,
    user_id: acme.admin.id,
    canary: victim.slug,
    tenant_id: mover.id,
    claimable: POOL,
  };
  const sample = operation.sample();
  for (const name of Object.keys(sample)) if (name in right) sample[name] = right[name];
  // The document's own partner is nowhere.
  if (sample.api) sample.api = { ...sample.api, base_url: `${servers().first}/echo` };
  // None of these belongs into a body without need.
  delete sample.tenant_slug;
  delete sample.invitation;
  delete sample.region;
  delete sample.archive;
  if (operation.id === "importSeed") sample.tenant = { slug: unique, name: "Seeded" };
  // What the document calls a time was long ago one day.
  delete sample.timestamp;
  return sample;
}

function expectNoFault(reply: Reply, what: string): void {
  expect(reply.status, `${what}: ${reply.text}`).toBeLessThan(500);
  if (reply.status >= 400) problemOf(reply);
}

// Many requests a test: on a busy machine they take their time.
describe("hostile input", { timeout: 30_000 }, () => {
  const withBody = () => operations.filter(({ operation }) => operation.fields);

  it("reaches operations whose sample bodies are accepted", async () => {
    const accepted: Record<string, number> = {};
    for (const { door, operation } of withBody()) {
      const reply = await send(door, operation, bodyFor(operation));
      accepted[operation.id] = Math.min(reply.status, accepted[operation.id] ?? 599);
    }
    // These three check a secret that a sample cannot know.
    const { signIn: a, refresh: b, ...others } = accepted;
    expect([a, b]).toEqual([401, 401]);
    for (const [id, status] of Object.entries(others)) expect(status, id).toBeLessThan(300);
    expect(Object.keys(accepted).sort()).toEqual(Object.keys(readBacks).sort());
  });

  it.each(Object.entries(HOSTILE_TEXTS))(
    "%s is no fault in any field, and comes back unchanged",
    async (_, text) => {
      let tried = 0;
      let stored = 0;
      for (const { door, operation } of withBody()) {
        for (const names of groupsOf(operation)) {
          const hostile = Object.fromEntries(names.map((name) => [name, text]));
          const reply = await send(door, operation, { ...bodyFor(operation), ...hostile });
          const what = `${operation.id} ${names}`;
          expectNoFault(reply, what);
          tried += names.length;
          if (operation.id === "changePassword") await restorePassword(door, reply, text);
          const readBack = reply.status < 300 && readBacks[operation.id]?.(reply);
          if (!readBack) continue;
          for (const name of names) {
            stored += await expectUnchanged(door, name, text, readBack, what);
          }
        }
      }
      expect(tried).toBeGreaterThan(20);
      // Letters that one reads are stored; control characters and whole pages are not.
      const isText = /^[^\p{Cc}\p{Cs}]{1,100}$/u.test(text.trim());
      if (isText) expect(stored).toBeGreaterThan(8);
      else expect(stored).toBe(0);
    },
  );

  /** Fields that are tried at once: each alone, but names of one kind where an answer costs a tenant. */
  function groupsOf({ id, fields }: Operation): string[][] {
    const names = Object.entries(fields ?? {}).flatMap(([name, { type }]) =>
      type === "string" ? name : [],
    );
    const costly = id === "register" || id === "createTenant";
    return Object.values(
      Object.groupBy(names, (name) => (costly && name.endsWith("_name") ? "names" : name)),
    ).flatMap((group) => (group ? [group] : []));
  }

  /** A password that was taken is the one to sign in with; then things are as before. */
  async function restorePassword(door: "tenant" | "platform", changed: Reply, text: string) {
    const api = `${doors[door].origin}/api/v1`;
    const { email } = door === "tenant" ? acme.admin : operator;
    const { token } = await signIn(api, email, changed.status === 204 ? text : PASSWORD);
    if (changed.status !== 204) return;
    const body = { current_password: text, new_password: PASSWORD };
    const back = await call("POST", `${api}/users/change-password`, { token, body });
    expect(back.status, back.text).toBe(204);
  }

  async function expectUnchanged(
    door: "tenant" | "platform",
    name: string,
    text: string,
    { url, token, fields, also = {} }: ReadBack,
    what: string,
  ): Promise<number> {
    if (name in also) {
      expect(also[name], what).toBe(text);
      return 1;
    }
    const path = fields[name];
    if (!path) return 0;
    const read = await call("GET", new URL(url, doors[door].origin).href, {
      token: token ?? doors[door].token,
    });
    const value = path.reduce(
      (node, step) => (step === FIRST_OF_DATA ? node.data[0] : node[step]),
      read.json,
    );
    expect(value, what).toBe(text);
    return 1;
  }

  it("values of the wrong type are 422 in every field", async () => {
    const nested = JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`);
    const wrong = [7, true, null, [], ["text"], {}, { $ne: null }, { toString: 1 }, nested];
    const tried = new Set<string>();
    for (const { door, operation } of withBody()) {
      for (const path of textsOf(operation.fields ?? {})) {
        const pointer = `/${path.join("/")}`;
        for (const value of wrong) {
          const body = withWhole(operation, path[0] ?? "");
          const reply = await send(door, operation, withValue(body, path, value));
          expect(reply.status, `${operation.id} ${pointer}: ${reply.text}`).toBe(422);
          expect(problemOf(reply)).toBe("validation-failed");
          expect(reply.json.errors[0].pointer).toBe(pointer);
          tried.add(`${operation.id} ${pointer}`);
        }
      }
    }
    expect(tried).toContain("createService /webhook/scheme");
  });

  /** Where a body has texts, inside its objects too. */
  function textsOf(fields: Readonly<Record<string, Schema>>): string[][] {
    return Object.entries(fields).flatMap(([name, { type, properties }]) => [
      ...(type === "string" ? [[name]] : []),
      ...textsOf(properties ?? {}).map((path) => [name, ...path]),
    ]);
  }

  /** A body of which this field is there, if it is one with fields of its own. */
  function withWhole(operation: Operation, name: string): Record<string, unknown> {
    const body = bodyFor(operation);
    const sample = operation.sample()[name];
    return name in body || typeof sample !== "object" ? body : { ...body, [name]: sample };
  }

  function withValue(body: Record<string, unknown>, path: string[], value: unknown): object {
    const [name = "", ...rest] = path;
    if (rest.length === 0) return { ...body, [name]: value };
    return { ...body, [name]: withValue(body[name] as Record<string, unknown>, rest, value) };
  }

  it("names from the prototype are unknown fields to every operation", async () => {
    for (const { door, operation } of withBody()) {
      for (const name of ["__proto__", "constructor", "prototype"]) {
        const text = JSON.stringify(bodyFor(operation));
        const open = text === "{}" ? "{" : `${text.slice(0, -1)},`;
        const body = JSON.parse(`${open}"${name}":{"role":"admin"}}`);
        const reply = await send(door, operation, body);
        expect(reply.status, operation.id).toBe(422);
        expect(reply.json.errors).toContainEqual({ pointer: `/${name}`, message: "is not known" });
      }
    }
  });

  it("a body nested deeper than any stack is 422", async () => {
    const depth = 200_000;
    const raw = `{"email":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    const reply = await call("POST", `${acme.api}/auth/login`, { raw });
    expect(problemOf(reply)).toBe("validation-failed");
  });

  it.each(Object.entries(HOSTILE_TEXTS))("%s is no fault in a query or a path", async (_, text) => {
    // URLs cannot hold lone surrogates.
    const encoded = encodeURIComponent(text.toWellFormed());
    for (const { door, operation } of operations.filter(
      ({ operation }) => operation.query.length,
    )) {
      for (const name of operation.query) {
        const path = `${operation.path}?${name}=${encoded}`;
        expectNoFault(
          await send(door, { ...operation, url: (origin) => `${origin}${path}` }, undefined),
          `${operation.id} ${name}`,
        );
      }
    }
    for (const path of ["/users", "/services", "/events", "/webhooks/events", "/webhooks"]) {
      const method = path === "/webhooks" ? "POST" : "GET";
      const url = `${acme.api}${path}/${encoded}`;
      expectNoFault(await call(method, url, { token: doors.tenant.token }), `a path: ${path}`);
    }
  });

  it.each(Object.entries(HOSTILE_TEXTS))(
    "%s is no fault in a webhook, and what is accepted comes back byte for byte",
    async (_, text) => {
      const places = ["event_id", "event_type", "id", "occurred_at", "note", text];
      let accepted = 0;
      for (const place of places) {
        const event = { event_id: `hostile-${++made}`, [place]: text };
        for (const body of [JSON.stringify(event), event[place] ?? ""]) {
          for (const contentType of ["application/json", "text/plain"]) {
            const one = await deliver(await signed(service, body, { contentType }));
            expectNoFault(one, place);
            if (one.status !== 202) continue;
            const { payload } = await received({ ...acme, admin: reader }, one.json.event_id);
            const { encoding, body: kept } = payload;
            const text = encoding === "base64" ? Buffer.from(kept, "base64").toString() : kept;
            expect(text).toBe(body.toWellFormed());
            accepted += 1;
          }
        }
        const batch = JSON.stringify([{ ...event, more: made }, text]);
        expectNoFault(await deliver(await signed(service, batch, { path: "/batch" })), place);
      }
      expect(accepted).toBeGreaterThan(0);
    },
  );

  it("headers are no fault either", async () => {
    const names = ["authorization", "idempotency-key", "if-match", "if-none-match", "traceparent"];
    names.push("x-d1-bookmark", "x-request-id", "user-agent", "accept", "content-type", "origin");
    for (const [name, text] of Object.entries(HOSTILE_TEXTS)) {
      // What HTTP lets through: no control characters, and Latin-1 at most.
      if (!/^[\x20-\x7e\xa0-\xff]*$/.test(text)) continue;
      for (const header of names) {
        for (const method of ["GET", "PUT"]) {
          const reply = await call(method, `${acme.api}/users/${colleague.id}`, {
            token: doors.tenant.token,
            headers: { [header]: text },
            ...(method === "PUT" ? { body: { last_name: "Same" } } : {}),
          });
          expectNoFault(reply, `${header}: ${name}`);
        }
      }
    }
  });

  it("the caller's program comes back as it named itself, cut to 256 letters", async () => {
    const agent = `<img src=x onerror=alert(1)>'; DROP TABLE sessions; --${"x".repeat(1_000)}`;
    const login = await call("POST", `${acme.api}/auth/login`, {
      body: { email: acme.admin.email, password: PASSWORD },
      headers: { "user-agent": agent },
    });
    const sessions = await call("GET", `${acme.api}/auth/sessions`, {
      token: login.json.access_token,
    });
    expect(sessions.headers.get("content-type")).toBe("application/json");
    const agents = sessions.json.data.map((each: { user_agent: string }) => each.user_agent);
    expect(agents).toContain(agent.slice(0, 256));
  });
});

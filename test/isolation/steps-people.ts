/** What people do: their accounts, their colleagues, their company; and trying the neighbour's. */
import { expect } from "vitest";
import { type Caller, PASSWORD } from "../support/client.ts";
import { listPage, ok, readFrom, refuseCursor, type Steps } from "./cast.ts";
import { sessionOf } from "./fixtures.ts";
import { expectProblem, type Home, keep, LISTS, type ListName, personOf, signIn } from "./walk.ts";

/** Keys that all tenants and all users have in common. */
const KEYS = ["key-1", "key-2", "key-3"];

const colleagueOf = (home: Home, caller: Caller) =>
  home.admins.find((admin) => admin !== caller) as Caller;

export const PEOPLE: Steps = {
  "who am I": async ({ walk, home, caller }) => {
    const reply = await walk.ask(home, "GET", "/auth/me", { token: caller.token });
    expect(reply.json).toMatchObject({ id: caller.id, email: caller.email });
  },
  "list users": async (cast) => {
    const { data } = (await listPage(cast, "users")).json;
    for (const user of data) expect(user.email).toContain(cast.home.mark);
  },
  "list audit": async ({ walk, home, caller, choose }) => {
    const cursor = choose(["", ...home.cursors.audit]);
    const path = `/audit?limit=3${cursor && `&cursor=${cursor}`}`;
    const reply = await walk.ask(home, "GET", path, { token: caller.token });
    ok(reply);
    expect(reply.json.data.length).toBeGreaterThan(0);
    if (reply.json.next_cursor) keep(home.cursors.audit, reply.json.next_cursor);
  },
  "list sessions": async ({ walk, home, caller }) => {
    const reply = await walk.ask(home, "GET", "/auth/sessions", { token: caller.token });
    for (const { user_agent } of reply.json.data) expect(user_agent).toContain(home.mark);
  },
  "the tenant": async ({ walk, home, caller }) => {
    const reply = await walk.ask(home, "GET", "/tenants/current", { token: caller.token });
    expect(reply.json).toMatchObject({ id: home.id, slug: home.slug });
    expect(reply.json.name).toContain(home.mark);
    keep(home.etags, String(reply.headers.get("etag")));
  },
  "what the plan allows": async ({ walk, home, caller }) => {
    const { token } = caller;
    const reply = await walk.ask(home, "GET", "/tenants/current/usage", { token });
    ok(reply);
    expect(reply.json.users.used).toBeGreaterThan(1);
  },
  "rename the tenant": async ({ walk, home, caller }) => {
    const body = { name: walk.fresh(home, "Company") };
    const reply = await walk.ask(home, "PUT", "/tenants/current", { token: caller.token, body });
    expect(reply.json).toMatchObject(body);
  },
  "change a user": async ({ walk, home, caller, choose }) => {
    const id = choose(home.users);
    const body = { last_name: walk.fresh(home, "Changed") };
    const reply = await walk.ask(home, "PUT", `/users/${id}`, { token: caller.token, body });
    expect(reply.json).toMatchObject({ id, ...body });
    ok(await walk.ask(home, "POST", `/users/${id}/unlock`, { token: caller.token }));
  },
  "replace a user": async ({ walk, home, caller, choose }) => {
    const id = choose(home.users);
    const { token } = caller;
    ok(await walk.ask(home, "DELETE", `/users/${id}`, { token }), 204);
    const body = personOf(walk, home);
    const reply = await walk.ask(home, "POST", "/users", { token, body });
    ok(reply, 201);
    home.users.splice(home.users.indexOf(id), 1, reply.json.id);
    expectProblem(await walk.ask(home, "GET", `/users/${id}`, { token }), "not-found");
  },
  "sign in": async ({ walk, home, caller }) => {
    Object.assign(caller, await signIn(walk, home, caller.email));
  },
  "fail to sign in": async ({ walk, home }) => {
    const body = { email: `${walk.fresh(home, "nobody")}@people.test`, password: PASSWORD };
    const reply = await walk.ask(home, "POST", "/auth/login", { body });
    expectProblem(reply, "invalid-credentials");
  },
  refresh: async ({ walk, home, caller }) => {
    const body = { refresh_token: caller.refreshToken };
    const reply = await walk.ask(home, "POST", "/auth/refresh", { body });
    ok(reply);
    Object.assign(caller, {
      token: reply.json.access_token,
      refreshToken: reply.json.refresh_token,
    });
  },
  "sign out and in": async ({ walk, home, caller }) => {
    const { token } = caller;
    ok(await walk.ask(home, "POST", "/auth/logout", { token, body: { all: false } }), 204);
    expectProblem(await walk.ask(home, "GET", "/auth/me", { token }), "unauthenticated");
    Object.assign(caller, await signIn(walk, home, caller.email));
  },
  "use one's own bookmark": async (cast) => {
    const bookmark = cast.choose(cast.home.bookmarks);
    const [text = ""] = bookmark.split(".");
    await readFrom(cast, bookmark, Buffer.from(text, "base64url").toString());
  },
  "use a key that all use": async ({ walk, home, caller, choose }) => {
    const key = choose(KEYS);
    const known = home.answers.get(`${caller.id} ${key}`);
    const body = choose([known?.body ?? null, null]) ?? { first_name: walk.fresh(home, "Keyed") };
    const reply = await walk.ask(home, "PUT", "/users/profile", {
      token: caller.token,
      body,
      headers: { "idempotency-key": key },
    });
    if (!known) {
      expect(reply.json).toMatchObject({ id: caller.id, ...body });
      home.answers.set(`${caller.id} ${key}`, { body, text: reply.text });
    } else if (body === known.body) {
      expect(reply.text).toBe(known.text);
    } else {
      expectProblem(reply, "idempotency-mismatch");
    }
  },
};

export const PEOPLE_FORGED: Steps = {
  "a foreign cursor": async (cast) => {
    const list = cast.choose(Object.keys(LISTS) as ListName[]);
    const cursors = cast.other.cursors[list];
    await refuseCursor(cast, list, cast.choose(cursors));
  },
  "a cursor of another list": async (cast) => {
    const [list, from] = cast.choose([
      ["users", "audit"],
      ["events", "webhooks"],
      ["webhooks", "events"],
      ["services", "rejections"],
      ["actors", "rules"],
      ["signals", "actors"],
    ] as const);
    await refuseCursor(cast, list, cast.choose(cast.home.cursors[from]));
  },
  "a forged cursor": async (cast) => {
    const cursors = [...cast.home.cursors.users, ...cast.other.cursors.users];
    const [, mac] = cast.choose(cursors).split(".");
    const text = Buffer.from(JSON.stringify(["users", "user_0"])).toString("base64url");
    await refuseCursor(cast, "users", cast.choose([`${text}.${mac}`, text, "nonsense", `${mac}.`]));
  },
  "a foreign bookmark": async (cast) => {
    await readFrom(cast, cast.choose(cast.other.bookmarks), "first-unconstrained");
  },
  "a forged bookmark": async (cast) => {
    const [text = "", mac = ""] = cast.choose(cast.home.bookmarks).split(".");
    const later = Buffer.from("ffffffff-ffffffff-ffffffff").toString("base64url");
    const forged = cast.choose([`${later}.${mac}`, text, `${text}.`, "first-primary", "%00"]);
    await readFrom(cast, forged, "first-unconstrained");
  },
  "a foreign token": async ({ walk, home, stranger, choose }) => {
    const [method, path] = choose([
      ["GET", "/auth/me"],
      ["GET", "/users"],
      ["GET", "/audit"],
      ["POST", "/auth/logout"],
      ["DELETE", "/tenants/current"],
    ] as const);
    const reply = await walk.ask(home, method, path, { token: stranger.token });
    expectProblem(reply, "unauthenticated");
  },
  "a foreign refresh token": async ({ walk, home, stranger }) => {
    const body = { refresh_token: stranger.refreshToken };
    const reply = await walk.ask(home, "POST", "/auth/refresh", { body });
    expectProblem(reply, "invalid-refresh-token");
  },
  "a foreign device token": async ({ walk, home, caller, stranger, choose }) => {
    const { deviceToken } = choose([stranger, colleagueOf(home, caller)]);
    const body = { email: caller.email, password: PASSWORD, device_token: deviceToken };
    const reply = await walk.ask(home, "POST", "/auth/login", { body });
    ok(reply);
    expect(reply.json.device_token).not.toBe(deviceToken);
  },
  "a foreign user": async ({ walk, home, other, caller, stranger, choose }) => {
    const id = choose([stranger.id, ...other.users]);
    const method = choose(["GET", "PUT", "DELETE", "POST"] as const);
    const reply = await walk.ask(
      home,
      method,
      `/users/${id}${method === "POST" ? "/unlock" : ""}`,
      {
        token: caller.token,
        ...(method === "PUT" ? { body: { first_name: walk.fresh(home, "Taken") } } : {}),
        sent: [id],
      },
    );
    expectProblem(reply, "not-found");
  },
  "a foreign session": async ({ walk, home, caller, stranger, choose }) => {
    const id = sessionOf(choose([stranger, colleagueOf(home, caller)]).token);
    const path = `/auth/sessions/${id}`;
    const reply = await walk.ask(home, "DELETE", path, { token: caller.token, sent: [id] });
    expectProblem(reply, "not-found");
  },
  "a colleague's key": async ({ walk, home, caller }) => {
    const headers = { "idempotency-key": walk.fresh(home, "key") };
    const body = { last_name: walk.fresh(home, "Keyed") };
    for (const { id, token } of [caller, colleagueOf(home, caller), caller]) {
      const reply = await walk.ask(home, "PUT", "/users/profile", { token, body, headers });
      expect(reply.json).toMatchObject({ id, ...body });
    }
  },
  "a foreign entity tag": async ({ walk, home, other, caller, choose }) => {
    const headers = { "if-none-match": choose(other.etags) };
    const { token } = caller;
    ok(await walk.ask(home, "GET", "/tenants/current", { token, headers }));
  },
  "a forwarded host": async ({ walk, home, other, caller, stranger }) => {
    const headers = { "x-forwarded-host": new URL(other.origin).host };
    const reply = await walk.ask(home, "GET", "/tenants/current", {
      token: caller.token,
      headers,
    });
    expect(reply.json).toMatchObject({ id: home.id });
    const foreign = { token: stranger.token, headers };
    expectProblem(await walk.ask(home, "GET", "/auth/me", foreign), "unauthenticated");
  },
};

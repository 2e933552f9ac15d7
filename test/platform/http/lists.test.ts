import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { addService, eventually, post } from "../../support/webhooks.ts";

/** What each list is called with, and how many rows it has at least. */
interface List {
  readonly url: string;
  readonly token: string;
  readonly rows: number;
}

const names = [
  "users",
  "sessions",
  "services",
  "webhooks",
  "rejections",
  "events",
  "audit",
  "tenants",
] as const;
/** Those of a tenant. */
const OWN = names.filter((name) => name !== "tenants");

describe("lists", () => {
  let acme: TestTenant;
  let other: TestTenant;
  let colleague: Caller;
  let lists: Record<(typeof names)[number], List>;
  beforeAll(async () => {
    [acme, other] = [await newTenant(), await newTenant()];
    for (const role of ["manager", "user", "readonly", "admin"] as const) {
      colleague = await addUser(acme, role);
      await addUser(other, role);
      await signIn(acme.api, acme.admin.email);
    }
    const operator = await newOperator();
    for (let tenants = 2; tenants < 5; tenants++) await newTenant();
    for (let index = 0; index < 5; index++) {
      const service = await addService(acme);
      const { event_id } = (await post(service, `event-${index}`)).json;
      expect((await post({ ...service, secret: "whsec_another" }, "forged")).status).toBe(401);
      await eventually(acme, event_id, "completed");
    }
    const { token } = acme.admin;
    lists = {
      users: { url: `${acme.api}/users`, token, rows: 5 },
      sessions: { url: `${acme.api}/auth/sessions`, token, rows: 5 },
      audit: { url: `${acme.api}/audit`, token, rows: 10 },
      services: { url: `${acme.api}/services`, token, rows: 5 },
      webhooks: { url: `${acme.api}/webhooks/events`, token, rows: 5 },
      rejections: { url: `${acme.api}/webhooks/rejections`, token, rows: 5 },
      events: { url: `${acme.api}/events`, token, rows: 5 },
      tenants: { url: `${PLATFORM_ORIGIN}/api/v1/tenants`, token: operator.token, rows: 5 },
    };
  });

  const page = (list: List, query = "") =>
    call("GET", `${list.url}${query}`, { token: list.token });
  /** What tells rows apart; sums have no id. */
  const idsOf = (reply: Reply): string[] =>
    reply.json.data.map((row: { id?: string }) => row.id ?? JSON.stringify(row));

  it.each(names)("of %s: walking all pages sees every row exactly once, in order", async (name) => {
    const list = lists[name];
    const whole = await page(list, "?limit=100");
    expect(whole.json.next_cursor).toBeNull();
    expect(whole.headers.get("link")).toBeNull();
    const all = idsOf(whole);
    expect(all.length).toBeGreaterThanOrEqual(list.rows);
    for (const limit of [1, 2, all.length - 1, all.length]) {
      const walked: string[] = [];
      let reply = await page(list, `?limit=${limit}`);
      for (;;) {
        expect(reply.status, reply.text).toBe(200);
        walked.push(...idsOf(reply));
        expect(walked.length, "or it never ends").toBeLessThanOrEqual(all.length);
        const { next_cursor } = reply.json;
        if (next_cursor === null) break;
        expect(reply.json.data).toHaveLength(limit);
        reply = await page(list, `?limit=${limit}&cursor=${encodeURIComponent(next_cursor)}`);
      }
      expect(walked).toEqual(all);
    }
  });

  it.each(names)("of %s: the Link header leads on, through the caller's own door", async (name) => {
    const list = lists[name];
    const first = await page(list, "?limit=2");
    const [, path] = /^<(\/[^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "") ?? [];
    expect(path).toBeDefined();
    const second = await call("GET", new URL(path ?? "", list.url).href, { token: list.token });
    const third = await page(list, `?limit=2&cursor=${first.json.next_cursor}`);
    expect(second.json).toEqual(third.json);
    expect(idsOf(second)).toHaveLength(2);
    expect(idsOf(second)).not.toEqual(idsOf(first));
  });

  it("rows that come and go meanwhile move no others", async () => {
    const first = await page(lists.users, "?limit=3");
    const [gone] = idsOf(first);
    const extra = await addUser(acme, "readonly");
    await call("DELETE", `${acme.api}/users/${extra.id}`, { token: acme.admin.token });
    const late = await addUser(acme, "readonly");
    const rest = await page(lists.users, `?limit=100&cursor=${first.json.next_cursor}`);
    expect(idsOf(rest)).not.toContain(gone);
    expect(idsOf(rest)).not.toContain(extra.id);
    expect(idsOf(rest).at(-1)).toBe(late.id);
  });

  it("a cursor may be used with another limit, and again", async () => {
    const { next_cursor } = (await page(lists.users, "?limit=1")).json;
    const one = await page(lists.users, `?limit=1&cursor=${next_cursor}`);
    const many = await page(lists.users, `?limit=50&cursor=${next_cursor}`);
    expect(idsOf(many)[0]).toBe(idsOf(one)[0]);
    expect((await page(lists.users, `?limit=1&cursor=${next_cursor}`)).json).toEqual(one.json);
  });

  it("the limit is 50 by default and 100 at most", async () => {
    for (let row = 0; row < 11; row++) await signIn(other.api, other.admin.email);
    const audit = { ...lists.audit, url: `${other.api}/audit`, token: other.admin.token };
    for (let row = 0; row < 35; row++) {
      await call("PUT", `${other.api}/users/profile`, {
        token: other.admin.token,
        body: { first_name: `Name ${row}` },
      });
    }
    expect((await page(audit)).json.data).toHaveLength(50);
    expect((await page(audit, "?limit=51")).json.data).toHaveLength(51);
    expect(problemOf(await page(audit, "?limit=101"))).toBe("validation-failed");
  });

  describe("a cursor", () => {
    const refused = async (list: List, cursor: string, query = "") => {
      const reply = await page(list, `?limit=1&cursor=${encodeURIComponent(cursor)}${query}`);
      expect(problemOf(reply), cursor).toBe("invalid-cursor");
      expect(reply.status).toBe(400);
    };
    const cursorOf = async (list: List, query = "") =>
      (await page(list, `?limit=1${query}`)).json.next_cursor as string;

    it("of another list is 400", async () => {
      for (const from of OWN) {
        const cursor = await cursorOf(lists[from]);
        for (const to of OWN) if (from !== to) await refused(lists[to], cursor);
      }
    });

    it("of another filter is 400, and of the same filter is not", async () => {
      const cursor = await cursorOf(lists.audit, "&action=session.started");
      await refused(lists.audit, cursor);
      await refused(lists.audit, cursor, "&action=user.created");
      await refused(lists.audit, cursor, "&action=session.started&target=x");
      const same = await page(lists.audit, `?cursor=${cursor}&action=session.started`);
      expect(same.status).toBe(200);
      await refused(lists.audit, await cursorOf(lists.audit), "&action=session.started");
    });

    it.each([
      ["webhooks", "&status=completed", "&type=order.placed"],
      ["events", "&type=order.placed", "&from=2026-01-01T00:00:00Z"],
      ["rejections", "&reason=signature-mismatch", "&service=x"],
    ] as const)("of %s with another filter is 400", async (name, filter, other) => {
      const list = lists[name];
      const cursor = await cursorOf(list, filter);
      await refused(list, cursor);
      await refused(list, cursor, other);
      await refused(list, await cursorOf(list), filter);
      expect((await page(list, `?cursor=${cursor}${filter}`)).status).toBe(200);
    });

    it("of another tenant is 400", async () => {
      const foreign = { ...lists.users, url: `${other.api}/users`, token: other.admin.token };
      await refused(foreign, await cursorOf(lists.users));
      await refused(lists.users, await cursorOf(foreign));
    });

    it("of another door is 400", async () => {
      const { token } = lists.tenants;
      const audit = { url: `${PLATFORM_ORIGIN}/api/v1/audit`, token, rows: 1 };
      await refused(lists.audit, await cursorOf(audit));
      await refused(audit, await cursorOf(lists.audit));
    });

    it("of another user's sessions is 400", async () => {
      await signIn(acme.api, colleague.email);
      const theirs = { ...lists.sessions, token: colleague.token };
      await refused(theirs, await cursorOf(lists.sessions));
    });

    it("that was changed in any way is 400", async () => {
      const cursor = await cursorOf(lists.users);
      const [text = "", mac = ""] = cursor.split(".");
      const other = (letter: string | undefined) => (letter === "A" ? "B" : "A");
      await refused(lists.users, `${other(text[0])}${text.slice(1)}.${mac}`);
      await refused(lists.users, `${text}.${other(mac[0])}${mac.slice(1)}`);
      await refused(lists.users, text);
      await refused(lists.users, `${text}.`);
      await refused(lists.users, `${cursor}.${mac}`);
      await refused(lists.users, `${cursor}=`);
      await refused(lists.users, btoa(JSON.stringify(["x", lists.users.rows])));
      for (const nonsense of ["", ".", "0", "null", "' OR 1=1 --", "\u0000", "é".repeat(200)]) {
        await refused(lists.users, nonsense);
      }
    });

    it("that is too long is 422", async () => {
      const reply = await page(lists.users, `?cursor=${"x".repeat(2_001)}`);
      expect(problemOf(reply)).toBe("validation-failed");
    });

    it("tells nothing but where the page ended", async () => {
      const [text = ""] = (await cursorOf(lists.users)).split(".");
      const [scope, last, ...rest] = JSON.parse(
        atob(text.replaceAll("-", "+").replaceAll("_", "/")),
      );
      expect(scope).toMatch(/^[0-9a-f]{32}$/);
      expect(last).toBe(idsOf(await page(lists.users, "?limit=1"))[0]);
      expect(rest).toEqual([]);
    });
  });
});

import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newTenant,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { addService, eventually, post } from "../../support/webhooks.ts";

describe("versions", () => {
  let acme: TestTenant;
  let path: string;
  let reader: Caller;
  beforeAll(async () => {
    acme = await newTenant();
    reader = await addUser(acme, "readonly");
    path = `${acme.api}/users/${reader.id}`;
  });

  const get = (headers = {}, token = acme.admin.token) => call("GET", path, { token, headers });
  const put = (ifMatch: string | undefined, first_name: string) =>
    call("PUT", path, {
      token: acme.admin.token,
      body: { first_name },
      headers: ifMatch === undefined ? {} : { "if-match": ifMatch },
    });
  const tagNow = async () => (await get()).headers.get("etag") ?? "";

  it("tags are strong and stay the same until something changes", async () => {
    const before = await tagNow();
    expect(before).toMatch(/^"1\.[0-9a-f]{16}"$/);
    expect(await tagNow()).toBe(before);
    const changed = await put(undefined, "Changed");
    expect(changed.headers.get("etag")).toMatch(/^"2\./);
    expect(await tagNow()).toBe(changed.headers.get("etag"));
  });

  it("two roles that see different things get different tags, and both may be matched", async () => {
    const own = await get({}, (await addUser(acme, "manager")).token);
    expect(own.headers.get("etag")).not.toBe(await tagNow());
    expect((await put(own.headers.get("etag") ?? "", "Other view")).status).toBe(200);
  });

  it("If-None-Match of the current tag is 304, whatever else stands beside it", async () => {
    const tag = await tagNow();
    for (const header of [tag, `W/${tag}`, `"other", ${tag}`, `"other",W/${tag} , "x"`, "*"]) {
      const reply = await get({ "if-none-match": header });
      expect(reply.status, header).toBe(304);
      expect(reply.text).toBe("");
      expect(reply.headers.get("etag")).toBe(tag);
      expect(reply.headers.get("content-type")).toBeNull();
    }
    const head = await call("HEAD", path, {
      token: acme.admin.token,
      headers: { "if-none-match": tag },
    });
    expect(head.status).toBe(304);
  });

  it("If-None-Match of another tag is the whole answer", async () => {
    for (const header of ['"1.0000000000000000"', "", "text", (await tagNow()).slice(0, -2)]) {
      expect((await get({ "if-none-match": header })).status, header).toBe(200);
    }
  });

  it("If-Match of the current tag lets the change through, once", async () => {
    const tag = await tagNow();
    expect((await put(tag, "First")).status).toBe(200);
    const late = await put(tag, "Second");
    expect(problemOf(late)).toBe("precondition-failed");
    expect(late.status).toBe(412);
    expect((await get()).json.first_name).toBe("First");
  });

  it("If-Match takes several tags and `*`", async () => {
    expect((await put(`"0", ${await tagNow()}`, "Several")).status).toBe(200);
    expect((await put("*", "Any")).status).toBe(200);
    expect((await put(" * ", "Any again")).status).toBe(200);
  });

  it.each([
    ["a weak tag", (tag: string) => `W/${tag}`],
    ["another version", () => '"999.0000000000000000"'],
    ["no tag at all", () => "text"],
    ["a list of nothing", () => ","],
    ["a tag without quotes", (tag: string) => tag.replaceAll('"', "")],
    ["a number that is too long", () => `"${"1".repeat(400)}"`],
  ])("If-Match of %s is 412 and changes nothing", async (_, header) => {
    const before = (await get()).text;
    const reply = await put(header(await tagNow()), "Never");
    expect(problemOf(reply)).toBe("precondition-failed");
    expect((await get()).text).toBe(before);
  });

  it("a header that is too long is 400", async () => {
    expect(problemOf(await put(`"1", `.repeat(300), "Never"))).toBe("malformed-request");
  });

  it("DELETE minds If-Match too", async () => {
    const other = await addUser(acme, "user");
    const remove = (ifMatch: string) =>
      call("DELETE", `${acme.api}/users/${other.id}`, {
        token: acme.admin.token,
        headers: { "if-match": ifMatch },
      });
    expect(problemOf(await remove('"7"'))).toBe("precondition-failed");
    expect((await remove('"1"')).status).toBe(204);
    expect(problemOf(await remove("*"))).toBe("not-found");
  });

  it("what is not there is 404, whatever the condition", async () => {
    const nobody = `${acme.api}/users/user_${"0".repeat(26)}`;
    const nothing = `${acme.api}/services/nothing`;
    for (const header of ["*", '"1"']) {
      for (const [url, body] of [
        [nobody, { first_name: "X" }],
        [nothing, { name: "X" }],
      ] as const) {
        const reply = await call("PUT", url, {
          token: acme.admin.token,
          body,
          headers: { "if-match": header },
        });
        expect(problemOf(reply)).toBe("not-found");
      }
    }
  });

  it("of a service: whoever read an older one changes nothing, and removes nothing", async () => {
    const { slug } = await addService(acme);
    const url = `${acme.api}/services/${slug}`;
    const ask = (method: string, ifMatch?: string, name?: string) =>
      call(method, url, {
        token: acme.admin.token,
        ...(name ? { body: { name } } : {}),
        ...(ifMatch ? { headers: { "if-match": ifMatch } } : {}),
      });
    const old = (await ask("GET")).headers.get("etag") ?? "";
    expect(old).toMatch(/^"1\./);
    const both = await Promise.all([ask("PUT", old, "One"), ask("PUT", old, "Other")]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
    const now = await ask("GET");
    expect(now.headers.get("etag")).toMatch(/^"2\./);
    for (const late of [await ask("PUT", old, "Late"), await ask("DELETE", old)]) {
      expect(problemOf(late)).toBe("precondition-failed");
    }
    expect((await ask("GET")).text).toBe(now.text);
    expect((await ask("DELETE", now.headers.get("etag") ?? "")).status).toBe(204);
  });

  it("of an event: it never changes, and is revalidated", async () => {
    const service = await addService(acme);
    const { event_id } = (await post(service, "event-1")).json;
    await eventually(acme, event_id, "completed");
    const { token } = acme.admin;
    const found = await call("GET", `${acme.api}/events?source_id=${event_id}`, { token });
    const url = `${acme.api}/events/${found.json.data[0].id}`;
    const tag = (await call("GET", url, { token })).headers.get("etag") ?? "";
    expect(tag).toMatch(/^"1\./);
    const again = await call("GET", url, { token, headers: { "if-none-match": tag } });
    expect([again.status, again.text]).toEqual([304, ""]);
  });
});

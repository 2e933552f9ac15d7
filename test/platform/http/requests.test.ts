import { beforeAll, describe, expect, it } from "vitest";
import {
  type CallOptions,
  call,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";

const MEGABYTE = 1_048_576;

describe("requests", () => {
  let acme: TestTenant;
  let createUser: (options: CallOptions) => Promise<Reply>;
  beforeAll(async () => {
    acme = await newTenant();
    const { token } = acme.admin;
    createUser = (options) => call("POST", `${acme.api}/users`, { token, ...options });
  });

  const pointersOf = (reply: Reply) =>
    reply.json.errors.map(({ pointer }: { pointer: string }) => pointer).sort();

  const person = (email: string) => ({
    email,
    password: PASSWORD,
    first_name: "Grace",
    last_name: "Hopper",
    role: "user",
  });

  describe("with a body that cannot be read", () => {
    it.each([
      ["half an object", '{"email": "a'],
      ["a trailing comma", '{"email": "a@b.test",}'],
      ["single quotes", "{'email': 'a'}"],
      ["two values", "{} {}"],
      ["a bare word", "email"],
      ["NaN", '{"email": NaN}'],
      ["a control character", '{"email": "a\nb"}'],
      ["only white space", " \n "],
      ["bytes that are not UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
      ["an overlong encoding", new Uint8Array([0x22, 0xc0, 0xaf, 0x22])],
      ["an encoded surrogate", new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
      ["UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00])],
    ])("%s is 400", async (_, raw) => {
      const reply = await createUser({ raw });
      expect(problemOf(reply)).toBe("malformed-json");
      expect(reply.status).toBe(400);
    });

    it("a byte order mark is read over", async () => {
      const bom = `\ufeff${JSON.stringify(person(`bom@${acme.slug}.test`))}`;
      expect((await createUser({ raw: bom })).status).toBe(201);
    });
  });

  describe("with wrong values", () => {
    it.each([[null], [[]], ["text"], [7], [true]])("%j for an object is 422", async (body) => {
      const reply = await createUser({ body });
      expect(problemOf(reply)).toBe("validation-failed");
      expect(reply.status).toBe(422);
      expect(pointersOf(reply)).toEqual([""]);
    });

    it("no body where one is needed is 422", async () => {
      expect(pointersOf(await createUser({}))).toEqual([""]);
    });

    it("each is named by a JSON pointer", async () => {
      const reply = await createUser({
        body: { ...person("not an address"), first_name: 7, role: "root" },
      });
      expect(reply.status).toBe(422);
      expect(pointersOf(reply)).toEqual(["/email", "/first_name", "/role"]);
      expect(reply.json.errors.every((error: { message: string }) => error.message)).toBe(true);
    });

    it("unknown fields are named, escaped as RFC 6901 asks", async () => {
      const body = { ...person(`x@${acme.slug}.test`), "a/b": 1, "m~n": 2, "": 3, plan: "gold" };
      const reply = await createUser({ body });
      expect(problemOf(reply)).toBe("validation-failed");
      expect(pointersOf(reply)).toEqual(["/", "/a~1b", "/m~0n", "/plan"]);
    });

    it("names from the prototype are unknown fields like others", async () => {
      for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
        const text = JSON.stringify(person(`y@${acme.slug}.test`));
        const raw = `${text.slice(0, -1)},"${name}":{"role":"admin"}}`;
        const reply = await createUser({ raw });
        expect(reply.status, name).toBe(422);
        expect(pointersOf(reply)).toEqual([`/${name}`]);
      }
    });

    it("at most 20 are named", async () => {
      const body = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, 1]));
      expect((await createUser({ body })).json.errors).toHaveLength(20);
    });

    it.each([
      ["/users?limit=0", "?limit"],
      ["/users?limit=101", "?limit"],
      ["/users?limit=-1", "?limit"],
      ["/users?limit=1.5", "?limit"],
      ["/users?limit=ten", "?limit"],
      ["/users?limit=%zz", "?limit"],
      ["/users?limit=", "?limit"],
      ["/users?role=root", "?role"],
      ["/users?offset=10", "?offset"],
      ["/users?__proto__=1", "?__proto__"],
      ["/audit?from=yesterday", "?from"],
      ["/users?limit=1&limit=100", "?limit"],
      ["/users?limit=1&limit=1", "?limit"],
      ["/users?role=user&limit=5&role=", "?role"],
    ])("in the query %s is 422", async (path, pointer) => {
      const reply = await call("GET", `${acme.api}${path}`, { token: acme.admin.token });
      expect(problemOf(reply)).toBe("validation-failed");
      expect(pointersOf(reply)).toEqual([pointer]);
    });

    it("an id that cannot be one names nothing", async () => {
      for (const id of [
        "7",
        "user_",
        `user_8${"0".repeat(25)}`,
        `tenant_${"0".repeat(26)}`,
        "%00",
        "%E0%A4%A",
        "%2e%2e%2f",
      ]) {
        const reply = await call("GET", `${acme.api}/users/${id}`, { token: acme.admin.token });
        expect(problemOf(reply), id).toBe("not-found");
      }
    });
  });

  describe("with a media type", () => {
    const raw = () => JSON.stringify(person("media@type.test"));
    it.each([
      "text/plain",
      "text/json",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/xml",
      "application/json; charset=utf-16",
      "application/json; charset=iso-8859-1",
      "application/jsonp",
      "application/json, text/plain",
      "",
    ])("%j is 415", async (type) => {
      const reply = await createUser({ raw: raw(), headers: { "content-type": type } });
      expect(problemOf(reply)).toBe("unsupported-media-type");
      expect(reply.status).toBe(415);
    });

    it.each([
      "application/json",
      "APPLICATION/JSON",
      "application/json;charset=utf-8",
      'application/json; charset="UTF-8"',
      "application/merge-patch+json",
    ])("%j is read", async (type) => {
      const reply = await createUser({ raw: '{"a": 1}', headers: { "content-type": type } });
      expect(reply.status).toBe(422);
    });
  });

  describe("of 2 MB", () => {
    const large = JSON.stringify({ ...person("big@body.test"), note: "x".repeat(2 * MEGABYTE) });

    it("with a length are 413", async () => {
      const reply = await createUser({ raw: large });
      expect(problemOf(reply)).toBe("content-too-large");
      expect(reply.status).toBe(413);
    });

    it("without a length are 413, and are not read to their end", async () => {
      let sent = 0;
      const raw = new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536).fill(0x20));
          // Far more than any buffer on the way: only who stops reading ever gets here unscathed.
          if (sent >= 64 * MEGABYTE) controller.close();
        },
      });
      expect(problemOf(await createUser({ raw }))).toBe("content-too-large");
      expect(sent).toBeLessThan(8 * MEGABYTE);
    });

    it("are 413 where nobody is signed in", async () => {
      const reply = await call("POST", `${acme.api}/auth/login`, { raw: large });
      expect(problemOf(reply)).toBe("content-too-large");
    });

    it("the limit itself is read", async () => {
      const raw = JSON.stringify(person("x@y.test")).padEnd(MEGABYTE, " ");
      expect((await createUser({ raw })).status).toBe(201);
      expect((await createUser({ raw: `${raw} ` })).status).toBe(413);
    });
  });

  describe("for paths and methods", () => {
    it.each([
      "/nothing",
      "/api/v1",
      "/api/v1/nothing",
      "/api/v2/users",
      "/api/v1/users/a/b/c",
      "//api/v1/users",
      "/api/v1/../v1/nothing",
      "/.env",
    ])("%s is 404", async (path) => {
      const reply = await call("GET", `${acme.origin}${path}`, { token: acme.admin.token });
      expect(problemOf(reply)).toBe("not-found");
      expect(reply.status).toBe(404);
    });

    it.each([
      ["PATCH", "/api/v1/users", "GET, HEAD, POST, OPTIONS"],
      ["DELETE", "/api/v1/auth/login", "POST, OPTIONS"],
      ["GET", "/api/v1/auth/login", "POST, OPTIONS"],
      ["HEAD", "/api/v1/auth/login", "POST, OPTIONS"],
      ["POST", "/health", "GET, HEAD, OPTIONS"],
      ["POST", "/", "GET, HEAD, OPTIONS"],
      ["PURGE", "/api/v1/users/", "GET, HEAD, POST, OPTIONS"],
      ["POST", `/api/v1/users/user_${"0".repeat(26)}`, "GET, HEAD, PUT, DELETE, OPTIONS"],
    ])("%s %s is 405 and tells what is allowed", async (method, path, allow) => {
      const reply = await call(method, `${acme.origin}${path}`, { token: acme.admin.token });
      expect(reply.status).toBe(405);
      if (method !== "HEAD") expect(problemOf(reply)).toBe("method-not-allowed");
      const words = (text: string | null) => text?.split(", ").sort();
      expect(words(reply.headers.get("allow"))).toEqual(words(allow));
    });

    it("a trailing slash means the same", async () => {
      const { token } = acme.admin;
      for (const path of ["/auth/me", "/users", `/users/${acme.admin.id}`]) {
        const plain = await call("GET", `${acme.api}${path}`, { token });
        const slashed = await call("GET", `${acme.api}${path}/`, { token });
        expect(slashed.status).toBe(200);
        expect(slashed.text).toBe(plain.text);
      }
      const login = { body: { email: acme.admin.email, password: PASSWORD } };
      expect((await call("POST", `${acme.api}/auth/login/`, login)).status).toBe(200);
      expect((await call("GET", `${PLATFORM_ORIGIN}/health/`)).status).toBe(200);
      expect((await call("GET", `${PLATFORM_ORIGIN}/`)).status).toBe(200);
    });

    it("HEAD answers as GET does, without the body", async () => {
      const { token } = acme.admin;
      for (const path of ["/auth/me", "/users", "/nothing"]) {
        const get = await call("GET", `${acme.api}${path}`, { token });
        const head = await call("HEAD", `${acme.api}${path}`, { token });
        expect(head.status).toBe(get.status);
        expect(head.text).toBe("");
        for (const name of ["content-type", "etag", "cache-control", "link"]) {
          expect(head.headers.get(name), `${name} of ${path}`).toBe(get.headers.get(name));
        }
      }
    });

    it("no method can be smuggled in a header", async () => {
      const reply = await call("POST", `${acme.api}/auth/me`, {
        token: acme.admin.token,
        headers: { "x-http-method-override": "GET" },
      });
      expect(reply.status).toBe(405);
    });
  });
});

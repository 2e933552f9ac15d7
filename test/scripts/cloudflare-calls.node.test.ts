import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Cloudflare, cloudflare, LARGEST_PAGE } from "../../scripts/lib/deploy/cloudflare.ts";

/** An answer, or nothing: the line breaks. */
type Planned =
  | { status: number; result?: unknown; retryAfter?: string; code?: number; total?: number }
  | undefined;

let server: Server;
let plan: Planned[];
let seen: { call: string; authorization: string | undefined; body: string }[];
let waits: number[];
let api: Cloudflare;

beforeEach(async () => {
  [plan, seen, waits] = [[], [], []];
  server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    const body = await text(request);
    seen.push({ call: `${method} ${url}`, authorization: headers.authorization, body });
    const next = plan.shift();
    if (!next) return void response.destroy();
    const { status, result, retryAfter, code, total } = next;
    const errors = code === undefined ? [] : [{ code, message: "No." }];
    response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter });
    const result_info = total === undefined ? undefined : { total_count: total };
    response.end(JSON.stringify({ success: status === 200, errors, result, result_info }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const env = {
    CLOUDFLARE_API_TOKEN: "token",
    CLOUDFLARE_ACCOUNT_ID: "account",
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}/v4`,
  };
  api = cloudflare(env, async (ms) => waits.push(ms));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

describe("calls of Cloudflare's API", () => {
  it("are made with the token, at the account, in JSON", async () => {
    plan = [{ status: 200, result: { uuid: "1" } }];
    expect(await api.call("POST", "/d1/database", { name: "a" })).toEqual({ uuid: "1" });
    expect(seen).toEqual([
      {
        call: "POST /v4/accounts/account/d1/database",
        authorization: "Bearer token",
        body: '{"name":"a"}',
      },
    ]);
  });

  it("name what Cloudflare said", async () => {
    plan = [{ status: 400, code: 7502 }];
    await expect(api.call("POST", "/d1/database", {})).rejects.toMatchObject({
      message: "Cloudflare answered 400 to POST /d1/database: No. (7502)",
      status: 400,
      codes: [7502],
    });
    expect(waits).toEqual([]);
  });

  it("wait for a limit as long as it says, and not for ever", async () => {
    plan = [
      { status: 429, retryAfter: "7" },
      { status: 200, result: 1 },
    ];
    expect(await api.call("POST", "/queues", {})).toBe(1);
    expect(waits).toEqual([7_000]);
    plan = [{ status: 429, retryAfter: "301" }];
    await expect(api.call("POST", "/queues", {})).rejects.toMatchObject({ status: 429 });
    plan = Array.from({ length: 9 }, () => ({ status: 429, retryAfter: "0" }));
    await expect(api.call("GET", "/queues")).rejects.toMatchObject({ status: 429 });
    expect(plan).toHaveLength(5);
  });

  it("are repeated after a fault of theirs, unless that might do a thing twice", async () => {
    plan = [{ status: 500 }, undefined, { status: 200, result: 1 }];
    expect(await api.call("PUT", "/d1/database/1", {})).toBe(1);
    expect(waits).toEqual([1_000, 1_000]);
    plan = [{ status: 500 }];
    await expect(api.call("POST", "/queues", {})).rejects.toMatchObject({ status: 500 });
    plan = [];
    await expect(api.call("POST", "/queues", {})).rejects.toThrow(
      "Cloudflare's API did not answer POST /queues.",
    );
    expect(waits).toHaveLength(2);
  });

  it("read a list to its last page", async () => {
    const full = Array.from({ length: 1_000 }, (_, index) => index);
    plan = [
      { status: 200, result: full },
      { status: 200, result: full },
      { status: 200, result: [] },
    ];
    expect(await api.list("/d1/database", LARGEST_PAGE)).toHaveLength(2_000);
    expect(seen.map(({ call }) => call)).toEqual(
      [1, 2, 3].map((page) => `GET /v4/accounts/account/d1/database?page=${page}&per_page=1000`),
    );
  });

  it("read a list whose pages Cloudflare measures until all are there that it counts", async () => {
    plan = [
      { status: 200, result: [1, 2], total: 3 },
      { status: 200, result: [3], total: 3 },
    ];
    expect(await api.list("/queues")).toEqual([1, 2, 3]);
    expect(seen.map(({ call }) => call)).toEqual(
      [1, 2].map((page) => `GET /v4/accounts/account/queues?page=${page}`),
    );
    // One went while they were read: an empty page is the end, and so is one without a count.
    plan = [
      { status: 200, result: [1, 2], total: 3 },
      { status: 200, result: [], total: 3 },
    ];
    expect(await api.list("/queues")).toEqual([1, 2]);
    plan = [{ status: 200, result: [1, 2] }];
    expect(await api.list("/queues")).toEqual([1, 2]);
  });

  it("want a token and an account", () => {
    for (const env of [{ CLOUDFLARE_API_TOKEN: "token" }, { CLOUDFLARE_ACCOUNT_ID: "account" }]) {
      expect(() => cloudflare(env)).toThrow("Set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.");
    }
  });
});

/** What passes the router, and what it says of it. */
import { beforeAll, describe, expect, it } from "vitest";
import { captureLogs } from "../../support/captured-logs.ts";
import { newTenant, PLATFORM_ORIGIN, problemOf, type TestTenant } from "../../support/client.ts";
import { CANARY } from "../../support/log-scan.ts";
import { cellNamed, type Door, HOME, openRouter } from "../../support/routers.ts";

const OTHER = "test-2";
const MIB = 1_048_576;

let tenant: TestTenant;
beforeAll(async () => {
  tenant = await newTenant("passes-by");
});

/** A cell that answers with what it was sent, or that another one has to. */
function echo(got: Uint8Array[], instead?: Response): Door {
  return async () => ({
    async fetch(input: RequestInfo | URL, init?: RequestInit) {
      got.push(new Uint8Array(await new Request(input, init).arrayBuffer()));
      return instead?.clone() ?? new Response("taken");
    },
  });
}
const misdirected = () => new Response(null, { status: 421, headers: { "rowhouse-cell": OTHER } });

const upload = (body: BodyInit, headers: Record<string, string> = {}) =>
  new Request(`${PLATFORM_ORIGIN}/upload`, { method: "POST", body, headers });
const stream = (bytes: Uint8Array) => new Blob([bytes]).stream();
const bytesOf = (length: number) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};

describe("a body", () => {
  const KEY = { authorization: "Bearer of-an-operator" };
  const sized = (bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    upload(bytes, { "content-length": String(bytes.length), ...headers });

  it.each([
    ["anybody's", {}, [0, 1, 65_536]],
    ["an operator's", KEY, [65_537, 8 * MIB]],
  ] as const)("that is %s reaches each cell that is asked", async (_, headers, lengths) => {
    for (const length of lengths) {
      const got: Uint8Array[] = [];
      const router = openRouter({ [HOME]: echo(got, misdirected()), [OTHER]: echo(got) });
      const bytes = bytesOf(length);
      expect(await (await router.fetch(sized(bytes, headers))).text()).toBe("taken");
      expect(got).toHaveLength(2);
      for (const each of got) expect(Buffer.from(each).equals(bytes)).toBe(true);
    }
  });

  it.each([
    ["longer, of anybody", () => sized(bytesOf(65_537))],
    ["longer, of an operator", () => sized(bytesOf(8 * MIB + 1), KEY)],
    ["longer, and does not say so", () => upload(stream(bytesOf(70_000)))],
  ])("that is %s streams through, and one cell is asked", async (_, long) => {
    const got: Uint8Array[] = [];
    const router = openRouter({ [HOME]: echo(got) });
    const bytes = new Uint8Array(await long().arrayBuffer());
    expect((await router.fetch(long())).status).toBe(200);
    expect(got[0]?.length).toBe(bytes.length);
    const pointing = openRouter({ [HOME]: echo(got, misdirected()), [OTHER]: echo(got) });
    expect((await pointing.fetch(long())).status).toBe(503);
    expect(pointing.asked).toHaveLength(1);
  });
});

describe("the router's log", () => {
  it("has one line a request, which says who was asked and nothing of what", async () => {
    const router = openRouter({ [HOME]: cellNamed(HOME, { LOG_LEVEL: "error" }) });
    const said = `planted-${CANARY}`;
    const headers = { "x-request-id": "request-of-a-test", "user-agent": said, "x-else": said };
    const [{ lines, entries }] = [
      await captureLogs(async () => {
        const body = { email: `${said}@x.test`, password: said };
        await router.call("POST", `${tenant.api}/auth/login?q=${said}`, { body, headers });
        await router.call("GET", `${tenant.origin}/${said}`, { headers, token: said });
        await router.call("GET", `http://${CANARY}.rowhouse.test/${said}`, { headers });
        await router.call("GET", `${PLATFORM_ORIGIN}/${said}?${said}`, { headers });
      }),
    ];
    expect(lines.filter((line) => line.includes(CANARY))).toEqual([]);
    expect(lines.filter((line) => line.includes("rowhouse.test"))).toEqual([]);
    const [first, ...others] = entries.filter(({ message }) => message === "routed");
    expect(first).toEqual({
      time: expect.any(String),
      level: "info",
      message: "routed",
      request_id: "request-of-a-test",
      tenant: tenant.slug,
      cell: HOME,
      cells_asked: 1,
      status: 401,
      duration_ms: expect.any(Number),
      control_d1_trips: expect.any(Number),
    });
    expect(others.map(({ tenant: whose, cell, status }) => [whose, cell, status])).toEqual([
      [tenant.slug, HOME, 404],
      [null, null, 404],
      [null, HOME, 404],
    ]);
  });
});

describe("settings that are wrong", () => {
  it("serve nobody, and the answer does not say which", async () => {
    const router = openRouter({ [HOME]: cellNamed(HOME) }, { BASE_URL: "nonsense" });
    const { result, lines } = await captureLogs(() =>
      router.call("GET", `${tenant.origin}/health`),
    );
    expect([result.status, problemOf(result)]).toEqual([500, "internal-error"]);
    expect(result.text).not.toContain("BASE_URL");
    expect(lines.join()).toContain("BASE_URL");
  });
});

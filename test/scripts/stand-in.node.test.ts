/** The stand-in of Cloudflare's API: what it refuses, and that what is deployed to it really runs. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, uploadOf, visit } from "../support/cloudflare/client.ts";
import { statementsOf } from "../support/cloudflare/sql.ts";
import { type StandIn, startStandIn } from "../support/cloudflare/stand-in.ts";

const says = (text: string) => `export default { fetch: () => new Response("${text}") };`;
const object = (name: string) => `export class ${name} { fetch() { return new Response("o"); } }`;

let cloudflare: StandIn;
const api = (method: string, path: string, body?: unknown) => call(cloudflare, method, path, body);
const deploy = (name: string, form: FormData) =>
  api("PUT", `account/workers/scripts/${name}?bindings_inherit=strict`, form);

beforeAll(async () => {
  cloudflare = await startStandIn(["shop.example"]);
});
afterAll(() => cloudflare?.stop());

/** What it has noted of calls that are not Cloudflare's, and forgets. */
const noted = () => cloudflare.unknown.splice(0).map((line) => line.split(":")[0]);

describe("a call that Cloudflare's published API does not have", () => {
  it("is refused and noted", async () => {
    expect(await api("GET", "account/d1/everything")).toMatchObject({ status: 404 });
    expect(await api("POST", "account/d1/database", { name: "a", color: "red" })).toMatchObject({
      status: 400,
    });
    expect(await api("POST", "account/queues", {})).toMatchObject({ status: 400 });
    expect(await api("GET", "account/queues?name=a")).toMatchObject({ status: 400 });
    expect(noted()).toHaveLength(4);
  });

  it("is refused even where wrangler makes it", async () => {
    const path = "account/workers/services/shop";
    expect(await api("GET", path)).toMatchObject({ status: 404, codes: [7_003] });
    expect(noted()).toHaveLength(1);
  });

  it("is refused with a field of an upload that there is not", async () => {
    expect(await deploy("shop", uploadOf(says("a"), { colour: "red" }))).toMatchObject({
      status: 400,
    });
    expect(noted()).toHaveLength(1);
  });

  it("is none of these", async () => {
    const denied = { status: 403, codes: [10_000] };
    expect(await api("GET", "accounts/another/queues")).toMatchObject(denied);
    expect(noted()).toEqual([]);
  });
});

describe("a Worker", () => {
  it("runs where a route leads to it, and is itself again after a rollback", async () => {
    await deploy("shop", uploadOf(says("one")));
    const [zone] = (await api("GET", "zones?name=shop.example")).result;
    expect((await visit(cloudflare, "shop.example")).status).toBe(530);
    await api("POST", `zones/${zone.id}/workers/routes`, {
      pattern: "shop.example/*",
      script: "shop",
    });
    expect((await visit(cloudflare, "shop.example")).text).toBe("one");

    await deploy("shop", uploadOf(says("two")));
    expect((await visit(cloudflare, "shop.example")).text).toBe("two");
    const { deployments } = (await api("GET", "account/workers/scripts/shop/deployments")).result;
    const versions = [{ version_id: deployments[1].versions[0].version_id, percentage: 100 }];
    const back = { strategy: "percentage", versions };
    expect((await api("POST", "account/workers/scripts/shop/deployments", back)).status).toBe(200);
    expect((await visit(cloudflare, "shop.example")).text).toBe("one");
  });

  it("that does not start is refused, and the one before serves on", async () => {
    expect(await deploy("shop", uploadOf("throw new Error('no');"))).toMatchObject({
      status: 400,
      codes: [10_021],
    });
    expect((await visit(cloudflare, "shop.example")).text).toBe("one");
    expect(await deploy("other", uploadOf("throw new Error('no');"))).toMatchObject({
      codes: [10_021],
    });
    expect((await api("GET", "account/workers/scripts/other/settings")).codes).toEqual([10_007]);
  });

  it("sees the rows that the API writes", async () => {
    const { uuid } = (await api("POST", "account/d1/database", { name: "shop-db" })).result;
    const sql = "CREATE TABLE t (a); INSERT INTO t VALUES ('x;y');";
    const etag = createHash("md5").update(sql).digest("hex");
    const at = `account/d1/database/${uuid}`;
    const begun = await api("POST", `${at}/import`, { action: "init", etag });
    await fetch(begun.result.upload_url, { method: "PUT", body: sql });
    const { filename } = begun.result;
    const done = await api("POST", `${at}/import`, { action: "ingest", etag, filename });
    expect(done.result.status).toBe("complete");
    const code = `export default { async fetch(request, env) {
      return Response.json(await env.DB.prepare("SELECT a FROM t").all().then((r) => r.results));
    } };`;
    const bindings = [{ type: "d1", name: "DB", database_id: uuid }];
    expect((await deploy("shop", uploadOf(code, { bindings }))).status).toBe(200);
    expect((await visit(cloudflare, "shop.example")).text).toBe('[{"a":"x;y"}]');
    const again = await api("POST", `${at}/query`, { sql: "SELECT count(*) AS n FROM t" });
    expect(again.result[0].results).toEqual([{ n: 1 }]);
    // Half a file is none of it.
    const bad = "INSERT INTO t VALUES (2); INSERT INTO nowhere VALUES (1);";
    expect(await api("POST", `${at}/query`, { sql: bad })).toMatchObject({ codes: [7_500] });
    expect(
      (await api("POST", `${at}/query`, { sql: "SELECT a FROM t" })).result[0].results,
    ).toEqual([{ a: "x;y" }]);
  });

  it("keeps its secrets, which make versions of their own", async () => {
    const at = "account/workers/scripts/shop";
    const secret = (text: string) =>
      api("PUT", `${at}/secrets`, { name: "KEY", text, type: "secret_text" });
    await secret("first");
    const code = "export default { fetch: (request, env) => new Response(env.KEY) };";
    await deploy("shop", uploadOf(code, { keep_bindings: ["secret_text"] }));
    expect((await visit(cloudflare, "shop.example")).text).toBe("first");
    await secret("second");
    expect((await visit(cloudflare, "shop.example")).text).toBe("second");
    const { bindings } = (await api("GET", `${at}/settings`)).result;
    expect(bindings).toEqual([{ type: "secret_text", name: "KEY" }]);

    const { deployments } = (await api("GET", `${at}/deployments`)).result;
    const versions = [{ version_id: deployments[1].versions[0].version_id, percentage: 100 }];
    const back = { strategy: "percentage", versions };
    expect((await api("POST", `${at}/deployments`, back)).codes).toEqual([10_220]);
    expect((await api("POST", `${at}/deployments?force=true`, back)).status).toBe(200);
    expect((await visit(cloudflare, "shop.example")).text).toBe("first");
    expect((await secret("third")).codes).toEqual([10_215]);
  });
});

describe("what is not there, or is there already,", () => {
  const inherit = { bindings: [{ type: "inherit", name: "DB" }] };
  const queue = { bindings: [{ type: "queue", name: "Q", queue_name: "gone" }] };
  const database = {
    bindings: [{ type: "d1", name: "DB", id: "09d29d56-cdb0-478d-8184-65baee9ce366" }],
  };
  const service = { bindings: [{ type: "service", name: "S", service: "gone" }] };
  const objects = {
    bindings: [{ type: "durable_object_namespace", name: "O", class_name: "Gone" }],
  };
  it.each([
    ["a binding to inherit", inherit, 10_057],
    ["a queue", queue, 11_000],
    ["a database", database, 10_181],
    ["a Worker", service, 10_143],
    ["a class", objects, 10_061],
  ])("makes a deploy fail: %s", async (_, metadata, code) => {
    expect((await deploy("fresh", uploadOf(says("a"), metadata))).codes).toEqual([code]);
  });

  it("is a second database, queue or route of one name", async () => {
    const twice = async (path: string, body: unknown) => {
      await api("POST", path, body);
      return (await api("POST", path, body)).codes;
    };
    expect(await twice("account/d1/database", { name: "twin" })).toEqual([7_502]);
    expect(await twice("account/queues", { queue_name: "twin" })).toEqual([11_009]);
    const [zone] = (await api("GET", "zones?name=shop.example")).result;
    const route = { pattern: "*.shop.example/*", script: "shop" };
    expect(await twice(`zones/${zone.id}/workers/routes`, route)).toEqual([10_020]);
  });
});

describe("migrations of Durable Objects", () => {
  const step = (new_tag: string, name: string, old_tag?: string) => ({
    migrations: { new_tag, ...(old_tag && { old_tag }), steps: [{ new_sqlite_classes: [name] }] },
  });

  it("begin where the Worker stands, and no rollback goes back past them", async () => {
    const code = `${says("a")} ${object("One")} ${object("Two")}`;
    expect((await deploy("made", uploadOf(code, step("v1", "One")))).status).toBe(200);
    expect((await deploy("made", uploadOf(code, step("v2", "Two")))).codes).toEqual([10_079]);
    expect((await deploy("made", uploadOf(code, step("v2", "Two", "v1")))).status).toBe(200);
    const at = "account/workers/scripts/made/deployments";
    const [, first] = (await api("GET", at)).result.deployments;
    const versions = [{ version_id: first.versions[0].version_id, percentage: 100 }];
    expect((await api("POST", at, { strategy: "percentage", versions })).codes).toEqual([10_222]);
  });
});

describe("a line that is cut", () => {
  it("loses the answer, and the change where it was not made", async () => {
    for (const change of ["made", "not made"] as const) {
      const cut = cloudflare.cutAt(1, change);
      const name = `cut-${change.replace(" ", "-")}`;
      await expect(api("POST", "account/queues", { queue_name: name })).rejects.toThrow();
      expect(await cut).toMatch(/^POST /);
      await expect(api("GET", "account/queues")).rejects.toThrow();
      cloudflare.mend();
      const names = (await api("GET", "account/queues")).result.map(
        ({ queue_name }: { queue_name: string }) => queue_name,
      );
      expect(names.includes(name)).toBe(change === "made");
    }
  });
});

describe("SQL", () => {
  it("is cut into its statements and nowhere else", () => {
    const trigger =
      "CREATE TRIGGER t BEFORE UPDATE ON a BEGIN SELECT CASE WHEN 1 THEN ';' END; SELECT 2; END";
    const text = `-- a; b\nSELECT ';', "x;" /* ; */;\n${trigger};\n\nDROP TABLE a`;
    expect(statementsOf(text)).toEqual([
      `-- a; b\nSELECT ';', "x;" /* ; */`,
      trigger,
      "DROP TABLE a",
    ]);
    expect(statementsOf(" ; -- nothing\n;")).toEqual([]);
  });
});

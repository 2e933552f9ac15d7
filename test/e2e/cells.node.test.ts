import { type EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fire } from "../../scripts/lib/cron-clock.ts";
import { type Answer, type Outgoing, send } from "../../scripts/lib/http.ts";
import { LOCAL_CELLS } from "../../scripts/lib/local-cells.ts";
import { DEMO } from "../../scripts/lib/seed.ts";
import { type App, startApp } from "../support/app-server.node.ts";
import { CANARY } from "../support/log-scan.ts";
import { tenantsCli } from "../support/tenants-cli.node.ts";

type Cell = (typeof LOCAL_CELLS)[number]["name"];

interface House {
  readonly slug: string;
  readonly cell: Cell;
  readonly email: string;
  readonly token: string;
  readonly id: string;
}

/** What a log line says, and of which Worker it is. */
interface Line {
  readonly worker: string;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: log lines have fields of every kind
  readonly fields: any;
}

const WebSocket = createRequire(import.meta.url)("ws") as new (
  url: string,
  protocols: string[],
  options: { headers: Record<string, string> },
) => EventEmitter & { send(text: string): void; close(): void };

/** `npm run start:cells`: a router and two cells in the real runtime. */
describe("a router and two cells", { timeout: 60_000 }, () => {
  let home: string;
  let app: App;
  let operator: string;
  const houses: House[] = [];

  const ask = (path: string, rest: Partial<Outgoing> = {}) =>
    send({ port: app.port, path, ...rest });
  const at = (house: House, path: string, rest: Partial<Outgoing> = {}) =>
    ask(`/api/v1${path}`, {
      ...rest,
      door: `${house.slug}.localhost`,
      headers: { authorization: `Bearer ${house.token}`, ...rest.headers },
    });
  const asOperator = (method: string, path: string, body?: unknown) =>
    ask(`/api/v1${path}`, { method, body, headers: { authorization: `Bearer ${operator}` } });
  const lines = (): Line[] =>
    app
      .output()
      .split("\n")
      .flatMap((text) => {
        const found = /^(?:.*\[(rowhouse[\w-]*)\] |[^{]*)(\{"time".*\})/.exec(text);
        return found
          ? [{ worker: found[1] ?? "?", text, fields: JSON.parse(found[2] ?? "{}") }]
          : [];
      });
  /** The log lines of the request that gave this answer. */
  const linesOf = async (answer: Answer) => {
    const id = answer.headers["x-request-id"];
    const own = () => lines().filter(({ fields }) => fields.request_id === id);
    // The cells' output and ours are two streams.
    await vi.waitFor(() =>
      expect(own().some(({ fields }) => fields.message === "routed")).toBe(true),
    );
    return own();
  };

  async function addHouse(slug: string, cell: Cell): Promise<void> {
    const email = `admin@${slug}.test`;
    const body = {
      company_name: slug,
      slug,
      region: cell,
      admin_email: email,
      admin_password: `${CANARY}-of-${slug}`,
      admin_first_name: "Ada",
      admin_last_name: "Admin",
    };
    const answer = await ask("/api/v1/auth/register", { method: "POST", body, timeoutMs: 30_000 });
    expect(answer.status, answer.text).toBe(201);
    const { tenant, access_token: token } = JSON.parse(answer.text);
    houses.push({ slug, cell, email, token, id: tenant.id });
    const asked = (await linesOf(answer)).filter(({ fields }) => fields.message === "request");
    expect(asked.at(-1)?.worker).toBe(`rowhouse-${cell}`);
  }

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "rowhouse-cells-"));
    app = await startApp({ home, script: "start-cells.ts" }, 120_000);
    const body = { email: DEMO.operator, password: DEMO.password };
    operator = JSON.parse(
      (await ask("/api/v1/auth/login", { method: "POST", body })).text,
    ).access_token;
    for (const cell of LOCAL_CELLS) {
      await addHouse(`first-of-${cell.name}`, cell.name);
      await addHouse(`second-of-${cell.name}`, cell.name);
    }
  }, 150_000);

  afterAll(async () => {
    try {
      await app?.stop();
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  const inCell = (cell: Cell) => houses.find((house) => house.cell === cell) as House;

  it("pass a tenant from one to the other, and its token is as good as before", async () => {
    await addHouse("mover", "us");
    const mover = houses.pop() as House;
    const made = await at(mover, "/actors", {
      method: "POST",
      body: { type: "support", name: "Grace" },
    });
    expect(made.status, made.text).toBe(201);
    const env = { ROWHOUSE_URL: `http://localhost:${app.port}` };
    const file = join(home, "mover.ndjson");
    const words = [
      "move",
      "mover",
      "--region",
      "eu",
      "--reason",
      "a test",
      "--file",
      file,
      "--json",
    ];
    const { status, stdout, stderr } = await tenantsCli(words, { env });
    expect(status, stdout + stderr).toBe(0);

    // The router may still know the way to the old door, which says that it is shut for good.
    const actors = await at(mover, "/actors");
    expect(actors.status, actors.text).toBe(200);
    const names = JSON.parse(actors.text).data.map(({ name }: { name: string }) => name);
    expect(names).toContain("Grace");
    const { cell, state } = JSON.parse((await asOperator("GET", `/tenants/${mover.id}`)).text);
    expect([cell, state]).toEqual(["eu", "active"]);
  });

  it("have databases of their own, which the command line reaches too", async () => {
    const env = { ROWHOUSE_STATE: join(home, "state") };
    for (const cell of LOCAL_CELLS) {
      const { slug, email } = inCell(cell.name);
      const sql = "SELECT email FROM users";
      const { stderr, stdout } = await tenantsCli(["exec", slug, sql, "--reason", "T1", "--json"], {
        env,
      });
      expect(stderr).toBe("");
      expect(JSON.parse(stdout)).toEqual([{ rows: [{ email }] }]);
    }
  });

  it("answer each tenant in its own cell, and with its own data", async () => {
    const answers = await Promise.all(houses.map((house) => at(house, "/auth/me")));
    for (const [index, answer] of answers.entries()) {
      const house = houses[index] as House;
      expect(JSON.parse(answer.text).email).toBe(house.email);
      const own = await linesOf(answer);
      expect(own.map(({ worker }) => worker).sort()).toEqual([
        "rowhouse",
        `rowhouse-${house.cell}`,
      ]);
    }
    const foreign = await at({ ...inCell("eu"), token: inCell("us").token }, "/auth/me");
    expect(foreign.status).toBe(401);
  });

  it("answer an operator in the cell of the tenant that is asked for", async () => {
    for (const { name } of LOCAL_CELLS) {
      const house = inCell(name);
      for (const verb of ["suspend", "activate"]) {
        const answer = await asOperator("POST", `/tenants/${house.id}/${verb}`);
        expect(answer.status, answer.text).toBe(200);
        expect(answer.headers["rowhouse-cell"]).toBeUndefined();
        const done = (await linesOf(answer)).filter(({ fields }) => fields.status === 200);
        expect(done.map(({ worker }) => worker).sort()).toEqual(["rowhouse", `rowhouse-${name}`]);
      }
    }
  });

  it("sign a tenant's user in on the platform's door, whatever the cell", async () => {
    for (const { email, slug } of houses.slice(0, 4)) {
      const body = { email, password: `${CANARY}-of-${slug}`, tenant_slug: slug };
      const answer = await ask("/api/v1/auth/login", { method: "POST", body });
      expect(JSON.parse(answer.text).user?.email, answer.text).toBe(email);
    }
  });

  it("take no header of a client's for their own", async () => {
    const house = inCell("us");
    const headers = { "rowhouse-cell": "eu", "rowhouse-route": "x", "mf-route": "eu" };
    const answer = await at(house, "/auth/me", { headers });
    expect(JSON.parse(answer.text).email).toBe(house.email);
    const names = Object.keys(answer.headers);
    expect(names.filter((name) => name.startsWith("rowhouse-"))).toEqual([]);
  });

  it("let a WebSocket through, and what is sent by it", async () => {
    const house = inCell("us");
    const ticket = await at(house, "/signals/stream-tickets", { method: "POST", body: {} });
    const { protocols } = JSON.parse(ticket.text);
    const url = `ws://127.0.0.1:${app.port}/api/v1/signals/stream`;
    const door = `${house.slug}.localhost:${app.port}`;
    const socket = new WebSocket(url, protocols, { headers: { host: door } });
    const heard: { type: string; data?: { title?: string } }[] = [];
    socket.on("message", (data: unknown) => {
      const message = JSON.parse(String(data));
      heard.push(message);
      socket.send(JSON.stringify({ ack: message.id }));
    });
    await vi.waitFor(() => expect(heard.map(({ type }) => type)).toContain("ready"), 10_000);
    const title = `${CANARY} of a signal`;
    await at(house, "/signals", { method: "POST", body: { severity: "high", title } });
    await vi.waitFor(
      () => expect(heard.some(({ data }) => data?.title === title)).toBe(true),
      10_000,
    );
    const closed = once(socket, "close");
    socket.close();
    await closed;
  });

  it("go on when a client hangs up in the middle of what it sends", async () => {
    const house = inCell("eu");
    const call = request({
      host: "127.0.0.1",
      port: app.port,
      method: "POST",
      path: "/api/v1/auth/login",
      headers: { host: `${house.slug}.localhost:${app.port}`, "content-length": "1000" },
    });
    call.on("error", () => {});
    call.write('{"email":');
    await once(call, "socket");
    call.destroy();
    expect((await at(house, "/auth/me")).status).toBe(200);
  });

  it("fire the crons of each cell", async () => {
    await fire(app.port, "* * * * *", new Date());
    const ran = () =>
      lines().filter(({ fields }) => fields.message === "job" && fields.job === "rounds.sweep");
    await vi.waitFor(() => {
      expect(new Set(ran().map(({ worker }) => worker))).toEqual(
        new Set(["rowhouse-eu", "rowhouse-us"]),
      );
    });
  });

  /** The lines of the router's, in which there is nothing of a tenant, nor any of these. */
  function expectDiscretion(paths: readonly string[]): Line[] {
    const planted = [CANARY, DEMO.operator, operator, ...paths];
    // Of warnings and errors wrangler does not say whose they are: all of them count as the router's.
    const cells = LOCAL_CELLS.map(({ name }) => `rowhouse-${name}`);
    const said = lines().filter(({ worker }) => !cells.includes(worker));
    for (const { text } of said) {
      expect(
        planted.filter((secret) => text.includes(secret)),
        text,
      ).toEqual([]);
    }
    return said;
  }

  it("have said nothing of a tenant in the router's log", async () => {
    // A path holds no secret here: wrangler says in lines of its own what was asked for.
    const paths = ["/auth", "/tenants/", "asked-for-this"];
    await at(inCell("eu"), `/users/asked-for-this?q=${CANARY}`, {
      headers: { "user-agent": CANARY },
    });
    const said = expectDiscretion(paths);
    expect(said.length).toBeGreaterThan(20);
    const fields = new Set(said.flatMap((line) => Object.keys(line.fields)));
    console.log(`${said.length} lines of the router's, ${[...fields].join(" ")}`);
  });

  describe("started again on the same state, one of them down", () => {
    beforeAll(async () => {
      await app.stop();
      const env = { ROWHOUSE_DOWN: "us" };
      app = await startApp({ home, script: "start-cells.ts", port: app.port, env }, 120_000);
    }, 150_000);

    it("tell the tenants of that one when to come back", async () => {
      for (const house of houses.filter(({ cell }) => cell === "us")) {
        for (const ask of [
          at(house, "/auth/me"),
          at(house, "/users/profile", { method: "PUT", body: { first_name: CANARY } }),
          at(house, "/users/asked-for-this"),
        ]) {
          const answer = await ask;
          expect([answer.status, answer.headers["retry-after"]], answer.text).toEqual([503, "5"]);
          expect(answer.headers["content-type"]).toBe("application/problem+json");
          expect(JSON.parse(answer.text)).toMatchObject({
            type: "https://rowhouse.dev/problems/not-ready",
            detail: "The cell us does not answer.",
          });
        }
      }
    });

    it("serve those of the other as before, and everybody at the platform's door", async () => {
      for (const house of houses.filter(({ cell }) => cell === "eu")) {
        expect(JSON.parse((await at(house, "/auth/me")).text).email).toBe(house.email);
      }
      await addHouse("third-of-eu", "eu");
      expect((await asOperator("GET", "/cells")).status).toBe(200);
      const { id } = inCell("eu");
      expect((await asOperator("POST", `/tenants/${id}/suspend`)).status).toBe(200);
      const elsewhere = await asOperator("POST", `/tenants/${inCell("us").id}/suspend`);
      expect(elsewhere.status, elsewhere.text).toBe(503);
    });

    it("say in the router's log which it is, and nothing of a tenant", async () => {
      const answer = await at(inCell("us"), `/users/asked-for-this?q=${CANARY}`);
      await vi.waitFor(async () => {
        const failed = (await linesOf(answer)).find(({ fields }) => fields.message === "failed");
        expect(failed?.fields).toMatchObject({ level: "error", code: "not-ready" });
        expect(failed?.fields.error).toMatch(/^Error: Cell us: /);
      });
      const said = expectDiscretion(["/auth", "/tenants/", "asked-for-this"]);
      const down = said.filter(({ fields }) => fields.code === "not-ready");
      expect(down.length).toBeGreaterThanOrEqual(8);
      console.log(`${said.length} lines, ${down.length} of which say that us is down`);
    });
  });
});

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fire } from "../../scripts/lib/cron-clock.ts";
import { ensureDevVars } from "../../scripts/lib/dev-vars.ts";
import { type Answer, send } from "../../scripts/lib/http.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { isFree } from "../../scripts/lib/port.ts";
import { readConfig } from "../../scripts/lib/render-config.ts";
import { DEMO, seed } from "../../scripts/lib/seed.ts";
import { type App, startApp } from "../support/app-server.node.ts";

/** `npm start`, twice on one state, as people do. */
describe("npm start", { timeout: 60_000 }, () => {
  let home: string;
  let app: App;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "rowhouse-start-"));
    // These tests sign in more often in a minute than the limit of an address allows.
    ensureDevVars(join(home, ".dev.vars"));
    await appendFile(join(home, ".dev.vars"), 'SIGN_INS_PER_MINUTE="1000"\n');
    app = await startApp({ home, npm: true });
  }, 120_000);

  afterAll(async () => {
    try {
      await app?.stop();
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  it("serves the demo tenant to each of its users", async () => {
    for (const role of ["admin", "manager", "user", "readonly"]) {
      const answer = await signIn(app.port, "acme.localhost", `${role}@acme.test`);
      expect(answer.status, answer.text).toBe(200);
      expect(JSON.parse(answer.text).user.role).toBe(role);
    }
  });

  it("serves the platform door to the demo operator", async () => {
    const answer = await signIn(app.port, "localhost", DEMO.operator);
    expect(answer.status, answer.text).toBe(200);
  });

  it("gives the demo tenant a stripe service, and leaves it as somebody has changed it", async () => {
    const admin = tokenOf(await signIn(app.port, "acme.localhost", DEMO.admin));
    const headers = { authorization: `Bearer ${admin}` };
    const to = { port: app.port, door: "acme.localhost", path: "/api/v1/services/stripe", headers };
    const made = await send(to);
    expect(JSON.parse(made.text)).toMatchObject({
      name: "Stripe",
      webhook: {
        scheme: "stripe",
        url: `http://acme.localhost:${app.port}/api/v1/webhooks/stripe`,
      },
    });
    expect(made.text).not.toContain(DEMO.webhookSecret);

    const changed = await send({ ...to, method: "PUT", body: { name: "Our Stripe" } });
    expect(changed.status, changed.text).toBe(200);
    expect(await seed(app.port)).toBeUndefined();
    expect((await send(to)).text).toBe(changed.text);
  });

  it("gives it actors, a rule and signals, once", async () => {
    const admin = tokenOf(await signIn(app.port, "acme.localhost", DEMO.admin));
    const headers = { authorization: `Bearer ${admin}` };
    const list = async (name: string) => {
      const path = `/api/v1/${name}`;
      const { text } = await send({ port: app.port, door: "acme.localhost", path, headers });
      return JSON.parse(text).data as Record<string, unknown>[];
    };
    expect(await seed(app.port)).toBeUndefined();
    expect((await list("actors")).map(({ type }) => type)).toEqual([
      "support",
      "manager",
      "system",
    ]);
    expect(await list("signal-rules")).toMatchObject([{ metric: "checkout_latency_ms" }]);
    expect(await list("signals?ordering=opened_at")).toMatchObject([
      { source: "sla", severity: "high", response_time_ms: 1_450, status: "open" },
      { source: "manual", severity: "warning", status: "open" },
    ]);
  });

  it("runs what the crons of wrangler.toml start", async () => {
    for (const cron of readConfig().triggers?.crons ?? []) {
      await fire(app.port, cron, new Date());
    }
  });

  it("prints where to look, and a login that works as it is printed", async () => {
    expect(app.output()).toContain(`http://acme.localhost:${app.port}/docs`);
    expect(app.output()).toContain(`http://localhost:${app.port}/docs`);
    const login = /^ +(curl [\s\S]*?\}')$/m.exec(app.output())?.[1] ?? "exit 1";
    const { stdout } = spawnSync("bash", ["-c", login], { encoding: "utf8" });
    expect(JSON.parse(stdout)).toHaveProperty("access_token");
  });

  it("keeps its secrets to their owner", async () => {
    expect((await stat(join(home, ".dev.vars"))).mode & 0o777).toBe(0o600);
  });

  it("says so when the port is taken, and leaves the other server alone", async () => {
    const second = startApp({ port: app.port });
    await expect(second).rejects.toThrow(
      new RegExp(`Port ${app.port} is taken.*ROWHOUSE_STATE=`, "s"),
    );
    expect((await send({ port: app.port, path: "/health" })).status).toBe(200);
  });

  it("says so when the data is in use, on whatever port", async () => {
    await expect(startApp({ home })).rejects.toThrow(
      `already runs on port ${app.port} with this data`,
    );
    expect((await send({ port: app.port, path: "/health" })).status).toBe(200);
  });

  it("says its version, which is package.json's", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    const { text } = await send({ port: app.port, path: "/health" });
    expect(JSON.parse(text).version).toBe(version);
  });

  it("stops at once when a setting is wrong, and says which", async () => {
    const other = await mkdtemp(join(tmpdir(), "rowhouse-start-"));
    await writeFile(join(other, ".dev.vars"), 'ENVIRONMENT="develpment"\n');
    try {
      const wrong = startApp({ home: other }, 45_000);
      await expect(wrong).rejects.toThrow(
        /ended with 1[\s\S]*Settings are not valid\..*ENVIRONMENT:.*MASTER_KEY:/,
      );
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  }, 60_000);

  it("makes an operator by hand, and refuses to make it twice", async () => {
    const created = operator(home, "create", "ops@rowhouse.test");
    expect(created.stderr).toBe("");
    const password = /shown this once: (\S+)/.exec(created.stdout)?.[1];
    const answer = await signIn(app.port, "localhost", "ops@rowhouse.test", password);
    expect(answer.status, answer.text).toBe(200);

    const again = operator(home, "create", "OPS@rowhouse.test");
    expect(again.status).toBe(1);
    expect(again.stderr).toContain("already");
  }, 60_000);

  it("has nothing to do for a demo that is there", async () => {
    expect(await seed(app.port)).toBeUndefined();
  });

  it("leaves a demo alone that somebody has changed", async () => {
    const admin = tokenOf(await signIn(app.port, "acme.localhost", DEMO.admin));
    const path = "/api/v1/users/change-password";
    const body = { current_password: DEMO.password, new_password: CHANGED };
    const changed = await post(app.port, "acme.localhost", path, body, admin);
    expect(changed.status, changed.text).toBe(204);
    expect(await seed(app.port)).toMatch(/^The demo was changed .*401/);

    // Each of these tries fails as well, until the account is locked.
    const seen = new Set<string | undefined>();
    for (let tries = 0; tries < 20; tries += 1) seen.add(await seed(app.port));
    expect([...seen].some((line) => line?.includes("429"))).toBe(true);
    expect([...seen].every((line) => line?.startsWith("The demo was changed"))).toBe(true);
  }, 60_000);

  it("ends cleanly, and starts again with the data and the secrets that it had", async () => {
    const secrets = await readFile(join(home, ".dev.vars"), "utf8");
    const lock = join(home, "state", "lock.json");
    expect(existsSync(lock)).toBe(true);
    await app.stop();
    // Given back as the last thing that it does, so it was not killed.
    expect(existsSync(lock)).toBe(false);
    expect(await isFree(app.port)).toBe(true);
    expect(await processesWith(home)).toEqual([]);

    app = await startApp({ home });
    expect(await readFile(join(home, ".dev.vars"), "utf8")).toBe(secrets);
    expect(app.output()).toContain("The demo was changed");
    expect(app.output()).not.toContain(DEMO.password);
    const answer = await signIn(app.port, "acme.localhost", "user@acme.test");
    expect(answer.status, answer.text).toBe(200);
  }, 120_000);

  it("leaves a demo alone that an operator has suspended", async () => {
    const operator = tokenOf(await signIn(app.port, "localhost", DEMO.operator));
    const suspended = await post(
      app.port,
      "localhost",
      `/api/v1/tenants/${await acmeId(app.port, operator)}/suspend`,
      undefined,
      operator,
    );
    expect(suspended.status, suspended.text).toBe(200);
    expect(await seed(app.port)).toMatch(/^The demo was changed .*403/);
  });

  it("ends with 0 when it is told to", async () => {
    expect(await app.stop()).toBe(0);
  });
});

/** What the demo's admin has chosen instead. */
const CHANGED = "another-horse-entirely";

function post(
  port: number,
  door: string,
  path: string,
  body: unknown,
  token: string,
): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  return send({ port, door, method: "POST", path, body, headers });
}

function tokenOf(answer: Answer): string {
  return JSON.parse(answer.text).access_token;
}

async function acmeId(port: number, token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const { text } = await send({ port, path: "/api/v1/tenants", headers });
  const { data } = JSON.parse(text) as { data: { id: string; slug: string }[] };
  return data.find(({ slug }) => slug === DEMO.slug)?.id ?? "";
}

function signIn(
  port: number,
  door: string,
  email: string,
  password: string = DEMO.password,
): Promise<Answer> {
  const body = { email, password };
  return send({ port, door, method: "POST", path: "/api/v1/auth/login", body });
}

function operator(home: string, ...args: string[]) {
  return spawnSync(process.execPath, ["scripts/operator.ts", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, ROWHOUSE_STATE: join(home, "state") },
  });
}

/**
 * Command lines that name the directory: the server's helpers, if they outlived it. Only where the
 * system shows processes as files; elsewhere the free port has to do.
 */
async function processesWith(text: string): Promise<string[]> {
  const names = await readdir("/proc").catch(() => []);
  const lines = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(join("/proc", pid, "cmdline"), "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.includes(text));
}

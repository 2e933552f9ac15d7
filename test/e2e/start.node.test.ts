import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, send } from "../../scripts/lib/http.ts";
import { ROOT } from "../../scripts/lib/paths.ts";
import { DEMO } from "../../scripts/lib/seed.ts";
import { type App, startApp } from "../support/app-server.node.ts";

/** `npm start`, twice on one state, as people do. */
describe("npm start", () => {
  let home: string;
  let app: App;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "rowhouse-start-"));
    app = await startApp({ home });
  }, 120_000);

  afterAll(async () => {
    await app?.stop();
    await rm(home, { recursive: true, force: true });
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
    await expect(startApp({ port: app.port })).rejects.toThrow(`Port ${app.port} is taken`);
    expect((await send({ port: app.port, path: "/health" })).status).toBe(200);
  });

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

  it("ends cleanly, and starts again with the data and the secrets that it had", async () => {
    const secrets = await readFile(join(home, ".dev.vars"), "utf8");
    expect(await app.stop()).toBe(0);
    expect(processesWith(home)).toEqual([]);

    app = await startApp({ home });
    expect(await readFile(join(home, ".dev.vars"), "utf8")).toBe(secrets);
    const answer = await signIn(app.port, "acme.localhost", DEMO.admin);
    expect(answer.status, answer.text).toBe(200);
  }, 120_000);
});

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

/** Command lines that name the directory: the server and its helpers, if they outlived it. */
function processesWith(text: string): string[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "args="], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.includes(text));
}

import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../../scripts/lib/http.ts";
import { GENERATED } from "../../scripts/lib/paths.ts";
import { DEMO } from "../../scripts/lib/seed.ts";
import { type App, startApp } from "../support/app-server.node.ts";
import { type Browser, unpackBrowser } from "../support/browser.node.ts";

/** `ROWHOUSE_SCREENSHOT=docs/images/reference.png` renews the README's picture, with its port. */
const RENEWED = process.env.ROWHOUSE_SCREENSHOT;
const PICTURE = RENEWED ?? join(GENERATED, "reference.png");

let app: App;
let browser: Browser;
let profile: string;
let context: BrowserContext;
let page: Page;
let door: string;
let token: string;
let requests: string[];
let complaints: string[];

beforeAll(async () => {
  profile = await mkdtemp(join(tmpdir(), "rowhouse-profile-"));
  [app, browser] = await Promise.all([startApp(RENEWED ? { port: 8787 } : {}), unpackBrowser()]);
  door = `http://${DEMO.slug}.localhost:${app.port}`;
  token = await signIn();
}, 180_000);

afterAll(async () => {
  await context?.close();
  await app?.stop();
  await browser?.remove();
  await rm(profile, { recursive: true, force: true });
});

// One visit, in order: open, sign in, try it, leave, come back.
describe("the API reference in a browser", () => {
  it("shows the operations of the tenant's door, by group", async () => {
    await visit();
    await page.getByRole("heading", { name: "Rowhouse", level: 1 }).waitFor();
    for (const name of ["Sign-in", "Sessions", "Users", "Audit"]) {
      await page.getByText(name, { exact: true }).first().waitFor();
    }
    for (const name of ["Registration", "Tenants"]) {
      expect(await page.getByText(name, { exact: true }).count()).toBe(0);
    }
  }, 60_000);

  it("looks good enough for the README", async () => {
    await page.goto(`${door}/docs#tag/users/POST/api/v1/users`);
    await page.getByRole("button", { name: "Test Request (post /api/v1/users)" }).waitFor();
    // Whatever a link led to has the focus, and a frame around it.
    await page.getByPlaceholder("Token").first().focus();
    await page.locator(":focus").blur();
    await mkdir(dirname(PICTURE), { recursive: true });
    await page.screenshot({ path: PICTURE, animations: "disabled" });
    const { size } = await stat(PICTURE);
    expect(size).toBeGreaterThan(20_000);
    expect(size).toBeLessThan(250_000);
  }, 60_000);

  it("calls the door with the token that was entered", async () => {
    await page.goto(`${door}/docs`);
    await page.getByPlaceholder("Token").first().fill(token);
    await page.getByRole("link", { name: "Who the caller is" }).click();
    await page.getByRole("button", { name: "Test Request (get /api/v1/auth/me)" }).click();
    const [answer] = await Promise.all([
      page.waitForResponse(`${door}/api/v1/auth/me`),
      page.getByRole("button", { name: /^Send get request/ }).click(),
    ]);
    expect(answer.status()).toBe(200);
    expect(await answer.json()).toMatchObject({ email: DEMO.admin, role: "admin" });
    await page.getByText("200 OK").waitFor();
    await page.getByText(DEMO.admin).first().waitFor();
  }, 60_000);

  it("asked nobody but the door, and its policy had nothing to stop", () => {
    expect(requests.filter((url) => !url.startsWith(`${door}/`))).toEqual([]);
    expect(new Set(requests.map((url) => new URL(url).pathname))).toEqual(
      new Set(["/docs", "/docs/scalar.js", "/openapi.json", "/api/v1/auth/me"]),
    );
    expect(complaints).toEqual([]);
  });

  it("has forgotten the token when it is closed and opened again", async () => {
    expect(await stored()).not.toContain(token);
    await context.close();
    expect(await filesWith(profile, token)).toEqual([]);

    await visit();
    const field = page.getByPlaceholder("Token").first();
    await field.waitFor();
    expect(await field.inputValue()).toBe("");
    expect(await stored()).not.toContain(token);
    expect(await context.cookies()).toEqual([]);
  }, 60_000);
});

async function signIn(): Promise<string> {
  const answer = await send({
    port: app.port,
    door: `${DEMO.slug}.localhost`,
    method: "POST",
    path: "/api/v1/auth/login",
    body: { email: DEMO.admin, password: DEMO.password },
  });
  return JSON.parse(answer.text).access_token;
}

/** Opens the browser and the page, and listens to all that they ask and say. */
async function visit(): Promise<void> {
  context = await browser.open(profile);
  requests = [];
  complaints = [];
  context.on("request", (request) => requests.push(request.url()));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(error.error().message));
  page = await context.newPage();
  await page.goto(`${door}/docs`);
}

/** All that the page's origin keeps, as one text. */
async function stored(): Promise<string> {
  const kept = await page.evaluate(async () => {
    // Runs in the browser, whose types this project has no other use for.
    // biome-ignore lint/suspicious/noExplicitAny: see above
    const { localStorage, sessionStorage, indexedDB, document, caches } = globalThis as any;
    return [
      { ...localStorage },
      { ...sessionStorage },
      await indexedDB.databases(),
      document.cookie,
      await caches.keys(),
    ];
  });
  // Databases and caches would have to be looked into; there are none.
  expect([kept[2], kept[4]]).toEqual([[], []]);
  return JSON.stringify(kept);
}

/** Files of the profile that hold the text. */
async function filesWith(directory: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(file)).includes(text)) found.push(file);
  }
  return found;
}

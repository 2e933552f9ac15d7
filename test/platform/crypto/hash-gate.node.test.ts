/**
 * The gate between separate requests of one isolate, which tests inside workerd cannot make: they
 * run in a single request. Steps wait for states, never for a time to pass.
 */
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";

type Answer = { status: number; body: string };

let harness: ReturnType<typeof createTestHarness>;
let origin: string;

beforeAll(() => {
  // Or the development server asks a host on the internet where we are.
  process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
});

// A fresh isolate for each test.
beforeEach(async () => {
  harness = createTestHarness({
    workers: [
      {
        config: {
          name: "hash-gate",
          main: join(import.meta.dirname, "hash-gate.worker.ts"),
          compatibility_date: "2026-10-01",
          compatibility_flags: ["nodejs_compat"],
        },
      },
    ],
  });
  origin = (await harness.listen()).url.href;
  return () => harness.close();
}, 60_000);

async function get(path: string): Promise<Answer> {
  const response = await fetch(new URL(path, origin));
  return { status: response.status, body: await response.text() };
}

async function state(): Promise<{ arrived: number; log: string[] }> {
  return JSON.parse((await get("/")).body);
}

/** Sends a request and waits until the Worker has it, so that the order of arrival is known. */
async function send(path: string): Promise<{ answer: Promise<Answer> }> {
  const { arrived } = await state();
  const answer = get(path);
  while ((await state()).arrived === arrived);
  return { answer };
}

async function statusOf(sent: { answer: Promise<Answer> }): Promise<number> {
  return (await sent.answer).status;
}

describe("separate requests", { timeout: 60_000 }, () => {
  it("go through one at a time, in the order in which they came", async () => {
    const sent = [await send("/hold?name=a")];
    for (const name of ["b", "c", "d", "e"]) sent.push(await send(`/hash?name=${name}`));
    expect((await state()).log).toEqual(["a begins"]);
    await get("/release?name=a");
    expect(await Promise.all(sent.map(statusOf))).toEqual([200, 200, 200, 200, 200]);
    expect((await state()).log).toEqual(
      ["a", "b", "c", "d", "e"].flatMap((name) => [`${name} begins`, `${name} ends`]),
    );
  });

  it("are refused at once when four wait already, and let in again later", async () => {
    const sent = [await send("/hold?name=a")];
    for (const name of ["b", "c", "d", "e"]) sent.push(await send(`/hash?name=${name}`));
    expect((await get("/hash?name=f")).status).toBe(503);
    expect((await get("/hash?name=g")).status).toBe(503);
    await get("/release?name=a");
    expect(await Promise.all(sent.map(statusOf))).toEqual([200, 200, 200, 200, 200]);
    expect((await get("/hash?name=h")).status).toBe(200);
    expect((await state()).log).not.toContain("f begins");
  });

  it("leave room for other requests between two hashes", async () => {
    const sent = [await send("/hold?name=a")];
    for (const name of ["b", "c", "d", "e"]) sent.push(await send(`/hash?name=${name}`));
    // Each pause of the gate now lasts until another request was served.
    await get("/release?name=a&attentive");
    let waiting = true;
    const all = Promise.all(sent.map(statusOf)).finally(() => {
      waiting = false;
    });
    while (waiting) await Promise.all([get("/quick"), get("/quick"), get("/quick")]);
    await all;
    const { log } = await state();
    for (const [name, next] of ["ab", "bc", "cd", "de"].map((pair) => [...pair])) {
      const between = log.slice(log.indexOf(`${name} ends`), log.indexOf(`${next} begins`));
      expect(between, `between ${name} and ${next}`).toContain("quick");
    }
    for (const name of ["b", "c", "d", "e"]) {
      // A hash itself does block: nothing is served between its two lines.
      expect(log.indexOf(`${name} ends`)).toBe(log.indexOf(`${name} begins`) + 1);
    }
  });

  it("are called although the one before failed", async () => {
    const held = await send("/hold?name=a");
    const failing = await send("/fail?name=b");
    const last = await send("/hash?name=c");
    await get("/release?name=a");
    expect(await Promise.all([held, failing, last].map(statusOf))).toEqual([200, 500, 200]);
  });

  it("do not wait for ever for one that was cancelled while it was on turn", async () => {
    // It awaits nothing of its own, so the runtime cancels it, and its `finally` never runs.
    expect((await get("/hang?name=a")).status).toBe(500);
    const next = await send("/hash?name=b");
    expect((await state()).log).toEqual(["a begins"]);
    await get("/skip?ms=2000");
    expect(await statusOf(next)).toBe(200);
    expect((await state()).log).toEqual(["a begins", "b begins", "b ends"]);
  });
});

/** A Worker around one hash gate, so that its callers are separate requests, as in production. */
import { createHashGate, HashGateFull } from "../../../src/platform/crypto/hash-gate.ts";
import { hashPassword } from "../../../src/platform/crypto/password-hash.ts";

const PARAMS = { ln: 12, r: 8, p: 1 };
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const log: string[] = [];
const held = new Set<string>();
let arrived = 0;
/** The gate's time stands still unless it is told to go on: being slow is no failure. */
let now = 0;
/** Whether each pause of the gate waits for a /quick. */
let attentive = false;
const gate = createHashGate(4, { now: () => now, pause: gatePause });

/** Looks for a /quick so many times before it takes it that none can be served. */
const LOOKS = 5_000;

/**
 * Waits until another request was served, however busy the machine is; so that between two hashes
 * there is one exactly when the gate pauses there.
 */
async function gatePause(ms: number): Promise<void> {
  const served = () => log.filter((line) => line === "quick").length;
  const before = served();
  await pause(ms);
  for (let looks = 0; attentive && served() === before && looks < LOOKS; looks += 1) await pause(1);
}

async function enter(name: string, work: () => Promise<unknown>): Promise<Response> {
  arrived += 1;
  try {
    await gate.run(async () => {
      log.push(`${name} begins`);
      try {
        await work();
      } finally {
        log.push(`${name} ends`);
      }
    });
    return new Response("done");
  } catch (error) {
    return new Response(String(error), { status: error instanceof HashGateFull ? 503 : 500 });
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const name = url.searchParams.get("name") ?? "";
    switch (url.pathname) {
      case "/hash":
        return enter(name, () => hashPassword("correct-horse-battery", PARAMS));
      case "/fail":
        return enter(name, async () => {
          throw new Error("failed");
        });
      case "/hold":
        held.add(name);
        return enter(name, async () => {
          while (held.has(name)) await pause(1);
        });
      case "/hang":
        return enter(name, () => new Promise(() => {}));
      case "/release":
        held.delete(name);
        attentive = url.searchParams.has("attentive");
        return new Response("released");
      case "/skip":
        now += Number(url.searchParams.get("ms"));
        return new Response("skipped");
      case "/quick":
        log.push("quick");
        return new Response("quick");
      default:
        return Response.json({ arrived, log });
    }
  },
};

/** Tokens that anybody can make up must cost little and crowd nobody out. */
import { beforeAll, expect, it } from "vitest";
import { toBase64Url, utf8 } from "../../../src/platform/crypto/encoding.ts";
import { newId } from "../../../src/platform/ids.ts";
import { newTenant, problemOf, type TestTenant } from "../../support/client.ts";
import { openWorker, wrapAll } from "../../support/worker.ts";

let house: TestTenant;
let trips = 0;
const worker = openWorker(
  wrapAll(() => (_, run) => {
    trips += 1;
    return run();
  }),
);

beforeAll(async () => {
  house = await newTenant("junk-tokens");
  // The route is known from here on.
  await worker.call("GET", `${house.api}/auth/me`, { token: house.admin.token });
});

function junk(kid: string, sid: string): string {
  const part = (value: object) => toBase64Url(utf8(JSON.stringify(value)));
  const signature = toBase64Url(new Uint8Array(64));
  return `${part({ alg: "EdDSA", typ: "at+jwt", kid })}.${part({ sid })}.${signature}`;
}

async function tripsOf(token: string): Promise<number> {
  trips = 0;
  const reply = await worker.call("GET", `${house.api}/auth/me`, { token });
  expect(problemOf(reply)).toBe("unauthenticated");
  return trips;
}

const KID = "A".repeat(43);

it.each([
  ["a session that cannot be one", KID, "not a session"],
  ["a key that cannot be one", "short", newId("session")],
  ["an id of another kind", KID, newId("user")],
])("%s is not looked up", async (_, kid, sid) => {
  expect(await tripsOf(junk(kid, sid))).toBe(0);
});

it("what only looks like a token is looked up, and not remembered", async () => {
  const token = junk(KID, newId("session"));
  expect([await tripsOf(token), await tripsOf(token)]).toEqual([1, 1]);
});

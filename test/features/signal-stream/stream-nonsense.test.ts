/** Clients that say what means nothing. */
import { beforeAll, expect, it } from "vitest";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { openSignal, watch } from "../../support/stream.ts";

let tenant: TestTenant;
beforeAll(async () => {
  tenant = await newTenant();
});

it.each([
  ["no JSON", "hello", 1008],
  ["an empty message", "", 1008],
  ["no object", "null", 1008],
  ["no acknowledgement", "{}", 1008],
  ["a number", '{"ack":1}', 1008],
  ["a negative id", '{"ack":"-1"}', 1008],
  ["something besides", '{"ack":"0","more":1}', 1008],
  ["an id that was never sent", '{"ack":"7000"}', 1008],
  ["bytes", new Uint8Array([1, 2, 3]), 1003],
  ["too much", `{"ack":"0"}${" ".repeat(1_014)}`, 1009],
])("somebody who says %s is closed, and nobody else", async (_what, message, code) => {
  const odd = await watch(tenant, tenant.admin, { acks: false });
  const other = await watch(tenant);
  odd.socket.send(message);
  expect((await odd.untilClosed()).code).toBe(code);
  await openSignal(tenant);
  await other.until(1);
  expect(odd.items()).toEqual([]);
  other.socket.close(1000);
});

it("spaces up to 1024 letters are no fault", async () => {
  const odd = await watch(tenant, tenant.admin, { acks: false });
  odd.socket.send(`{"ack":"0"}${" ".repeat(1_013)}`);
  await openSignal(tenant);
  await odd.until(1);
  expect(odd.closed()).toBeNull();
});

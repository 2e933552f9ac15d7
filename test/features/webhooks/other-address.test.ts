/** The path is not signed: one body is taken in by one address alone. */
import { beforeAll, describe, expect, it } from "vitest";
import type { SchemeName } from "../../../src/platform/signatures/index.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { kept, turnedAway } from "../../support/turned-away.ts";
import { addService, deliver, signed, type TestService } from "../../support/webhooks.ts";

let tenant: TestTenant;
beforeAll(async () => {
  tenant = await newTenant();
});

const element = (id: string) => JSON.stringify({ id, type: "order.placed" });

describe("a body that was taken in at the other address, which nobody signs,", () => {
  // Of those whose signature covers no path.
  const SCHEMES: readonly SchemeName[] = ["generic", "stripe", "github", "svix", "square", "slack"];
  const bodies = { list: `[${element("a")}]`, object: `{"type":"x","events":[${element("b")}]}` };
  const both = async (service: TestService, body: string) => {
    const batch = await signed(service, body, { path: "/batch" });
    return { batch, single: { ...batch, url: service.url } };
  };
  const refused = ({ slug }: TestService) => ({
    status: 409,
    problem: "other-route",
    rejection: `${slug} other-route`,
  });

  it.each(SCHEMES)("as a batch is no event besides: %s", async (scheme) => {
    const service = await addService(tenant, scheme);
    for (const body of Object.values(bodies)) {
      const { batch, single } = await both(service, body);
      expect((await deliver(batch)).json).toMatchObject({ accepted: 1 });
      await turnedAway(tenant, () => deliver(single), refused(service));
      expect((await deliver(batch)).json).toMatchObject({ accepted: 0, duplicate: 1 });
    }
  });

  it.each(SCHEMES)("as an event is no batch besides: %s", async (scheme) => {
    const service = await addService(tenant, scheme);
    for (const body of Object.values(bodies)) {
      const { batch, single } = await both(service, body);
      const first = await deliver(single);
      expect(first.status, first.text).toBe(202);
      await turnedAway(tenant, () => deliver(batch), refused(service));
      expect((await deliver(single)).json).toEqual({ ...first.json, status: "duplicate" });
    }
  });

  it("at both at once is taken in at one of them", async () => {
    const service = await addService(tenant);
    for (let round = 0; round < 12; round++) {
      const { batch, single } = await both(service, `[${element(`r${round}a`)},{"r":${round}}]`);
      const stored = async () => Number((await kept(tenant)).stored?.received);
      const before = await stored();
      const order = round % 2 ? [batch, single, batch, single] : [single, batch, single, batch];
      const replies = await Promise.all(order.map((each) => deliver(each)));
      const outcome = (delivery: typeof batch) =>
        replies.flatMap(({ status }, at) => (order[at] === delivery ? status : [])).sort();
      const winner = outcome(batch)[0] === 202 ? "batch" : "single";
      expect([outcome(batch), outcome(single)]).toEqual(
        winner === "batch"
          ? [
              [202, 202],
              [409, 409],
            ]
          : [
              [409, 409],
              [200, 202],
            ],
      );
      expect((await stored()) - before).toBe(winner === "batch" ? 2 : 1);
    }
  });
});

import { describe, expect, it } from "vitest";
import { CloudflareError } from "../../scripts/lib/deploy/cloudflare.ts";
import type { Plan } from "../../scripts/lib/deploy/plan.ts";
import { prepare } from "../../scripts/lib/deploy/prepare.ts";
import type { Tools } from "../../scripts/lib/deploy/tools.ts";

/** Has two queues made in an account that answers the first with an error of this number. */
async function makeQueues(code: number): Promise<unknown[]> {
  const made: unknown[] = [];
  const call = async (_: string, path: string, body: { queue_name: string }) => {
    if (body.queue_name === "first") {
      throw new CloudflareError(`POST ${path}`, 409, [{ code, message: "No." }]);
    }
    made.push(body.queue_name);
  };
  const plan = { isGrowth: true, newQueues: ["first", "second"], newDatabases: [] };
  const tools = { api: { call }, say: () => {} };
  await prepare(plan as unknown as Plan, tools as unknown as Tools);
  return made;
}

describe("a queue that is to be made", () => {
  it("may be there already", async () => {
    expect(await makeQueues(11_009)).toEqual(["second"]);
  });

  it("stops the deploy when it is refused for another reason", async () => {
    await expect(makeQueues(11_010)).rejects.toThrow("Cloudflare answered 409 to POST /queues");
  });
});

/** The answer is made before the commit: one that cannot be made leaves nothing behind. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AppEnv } from "../../../src/platform/http/context.ts";
import { endpoint } from "../../../src/platform/http/endpoint.ts";
import { onError } from "../../../src/platform/http/errors.ts";
import { openDoor } from "../../../src/platform/http/open-door.ts";
import { requestScope } from "../../../src/platform/http/request-scope.ts";
import { createRouter, mount } from "../../../src/platform/http/router.ts";
import { commit, commitAside } from "../../../src/platform/tenancy/index.ts";
import { newTenant, problemOf, requestOf, type TestTenant, toReply } from "../../support/client.ts";
import { bindings, databaseOfTenant, firstValue } from "../../support/worker.ts";

/** What the use case commits, and what it returns in the end. */
let committed: { name: unknown } | null;
let returned: { name: unknown };
let presented: unknown[];
/** What it commits after that in vain. */
let refused: { name: unknown } | null;

const router = createRouter();
mount(
  router,
  endpoint({
    method: "post",
    path: "/things",
    operationId: "makeThing",
    summary: "Makes a thing",
    tag: "Things",
    doors: "tenant",
    access: "public",
    response: { status: 201, description: "The thing.", schema: z.object({ name: z.string() }) },
  }),
  {
    handle: async (ctx) => {
      await commitAside(ctx, [], [{ action: "thing.looked_at" }]);
      if (committed) await commit(ctx, [], [{ action: "thing.made" }], committed);
      if (refused) {
        const never = { require: sql`0`, as: "thing.never", otherwise: "conflict" } as const;
        const lost = commit(ctx, [never], [{ action: "thing.made" }], refused);
        await expect(lost).rejects.toThrow();
      }
      return returned;
    },
    present: (thing) => {
      presented.push(thing);
      return { body: thing as { name: string } };
    },
  },
);
const app = new OpenAPIHono<AppEnv>();
app.onError(onError);
app.use(requestScope());
app.use(openDoor());
app.route("/", router);

describe("an answer", () => {
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    house = await newTenant();
    database = await databaseOfTenant(house.slug);
  });
  beforeEach(() => {
    committed = { name: "fine" };
    returned = committed;
    presented = [];
    refused = null;
  });

  const make = async (headers: Record<string, string>) =>
    toReply(await app.fetch(requestOf("POST", `${house.origin}/things`, { headers }), bindings));
  const made = () =>
    firstValue<number>(database, "SELECT count(*) FROM audit_log WHERE action = 'thing.made'");

  describe.each([
    ["without a key", () => ({})],
    ["with a key", () => ({ "idempotency-key": crypto.randomUUID() })],
  ] as const)("%s", (_, headers) => {
    it("that cannot be made leaves nothing behind", async () => {
      const before = await made();
      committed = { name: 7 };
      returned = committed;
      const reply = await make(headers());
      expect([reply.status, problemOf(reply)]).toEqual([500, "internal-error"]);
      expect(await made()).toBe(before);
    });

    it("is made once, of what was committed", async () => {
      const before = await made();
      returned = { name: 7 };
      const reply = await make(headers());
      expect([reply.status, reply.json]).toEqual([201, { name: "fine" }]);
      expect(presented).toEqual([committed]);
      expect(await made()).toBe(before + 1);
    });

    it("of a commit that was refused is never given", async () => {
      const before = await made();
      committed = null;
      returned = { name: "nothing was done" };
      refused = { name: "done" };
      const reply = await make(headers());
      expect([reply.status, reply.json]).toEqual([201, returned]);
      expect(await made()).toBe(before);
    });

    it("stays that of the commit before, where another is refused", async () => {
      const before = await made();
      returned = { name: 7 };
      refused = { name: "done twice" };
      const reply = await make(headers());
      expect([reply.status, reply.json]).toEqual([201, committed]);
      expect(await made()).toBe(before + 1);
    });
  });
});

/** What the OpenAPI document and browsers are told of limits. */
import { describe, expect, it } from "vitest";
import { call, callWith, newTenant, PLATFORM_ORIGIN } from "../../support/client.ts";
import { perMinute, plansWith } from "../../support/limits.ts";
import { openWorker } from "../../support/worker.ts";

const METHODS = ["get", "post", "put", "patch", "delete"];

interface Answer {
  readonly description: string;
  readonly headers: Record<string, unknown>;
  readonly content?: Record<string, { readonly examples?: Record<string, unknown> }>;
}

interface Operation {
  readonly operationId: string;
  readonly description: string;
  readonly responses: Record<string, Answer>;
}

describe("limits, documented", () => {
  async function documentOf(origin: string) {
    const { json } = await call("GET", `${origin}/openapi.json`);
    const paths = Object.values(json.paths) as Record<string, Operation>[];
    const operations = paths.flatMap((path) => METHODS.flatMap((method) => path[method] ?? []));
    return { json, operations };
  }
  async function allOperations(): Promise<Operation[]> {
    const tenant = await newTenant();
    const documents = [await documentOf(PLATFORM_ORIGIN), await documentOf(tenant.origin)];
    return documents.flatMap(({ operations }) => operations);
  }

  it("every operation may answer 429 and 503, and tells the headers on every answer", async () => {
    const operations = await allOperations();
    expect(operations.length).toBeGreaterThan(40);
    for (const { operationId, responses } of operations) {
      for (const [status, { headers }] of Object.entries(responses)) {
        const names = Object.keys(headers ?? {});
        expect(names, `${operationId} ${status}`).toEqual(
          expect.arrayContaining(["RateLimit-Policy", "RateLimit"]),
        );
        if (status === "429" || status === "503") expect(names).toContain("Retry-After");
      }
      expect(responses[429]?.description, operationId).toContain("`quota-exceeded`");
      expect(responses[503]?.description, operationId).toContain("`overloaded`");
      const examples = responses[429]?.content?.["application/problem+json"]?.examples;
      expect(Object.keys(examples ?? {}), operationId).toContain("quota-exceeded");
    }
  });

  it("the example of the problem names the limit", async () => {
    const { json } = await documentOf(PLATFORM_ORIGIN);
    expect(json.components.examples["quota-exceeded"].value).toMatchObject({
      status: 429,
      "violated-policies": ["tenant"],
    });
    expect(json.components.schemas.Problem.properties).toHaveProperty("violated-policies");
    for (const name of ["RateLimit-Policy", "RateLimit", "Retry-After"]) {
      expect(json.components.headers).toHaveProperty(name);
    }
  });

  it("signing in, renewing and registering say that they are held to less", async () => {
    const strict = (await allOperations()).filter(({ description }) =>
      /Of one address only a few a minute/.test(description),
    );
    const names = new Set(strict.map(({ operationId }) => operationId));
    expect([...names].sort()).toEqual(["refresh", "register", "signIn"]);
  });

  it("pages of other origins may read the headers", async () => {
    const origin = "https://app.test";
    const reply = await callWith({ CORS_ORIGINS: origin }, "GET", `${PLATFORM_ORIGIN}/health`, {
      headers: { origin },
    });
    const exposed = reply.headers.get("access-control-expose-headers")?.split(",") ?? [];
    expect(exposed).toEqual(
      expect.arrayContaining(["RateLimit", "RateLimit-Policy", "Retry-After"]),
    );
  });

  it("a refusal is a problem document like the others", async () => {
    const house = await newTenant();
    const one = { tenant: perMinute(1), user: perMinute(1), webhooks: perMinute(1) };
    const tiny = openWorker(plansWith({ standard: one }));
    const ask = () => tiny.call("GET", `${house.api}/users`, { token: house.admin.token });
    expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.json).toEqual({
      type: "https://rowhouse.dev/problems/quota-exceeded",
      title: "An assigned quota is exceeded",
      status: 429,
      detail: expect.stringMatching(/tenant: 1 in 60 s, user: 1 in 60 s/),
      instance: "/api/v1/users",
      request_id: refused.headers.get("x-request-id"),
      "violated-policies": ["tenant", "user"],
    });
    expect(refused.headers.get("cache-control")).toBe("no-store");
    expect(refused.headers.get("content-security-policy")).toContain("default-src 'none'");
  });
});

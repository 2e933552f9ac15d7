import type { OpenAPIHono } from "@hono/zod-openapi";
import { PROBLEMS, type ProblemCode } from "../problems.ts";
import { problemDocument } from "./problem-document.ts";

/** Response headers worth knowing of, as the OpenAPI document names and explains them. */
const HEADERS = {
  "X-Request-ID": {
    description:
      "Id of the request, for support and logs. A well-formed one that you send is kept.",
    required: true,
    schema: { type: "string", example: "req_01jdn2z7q5e8t9v0w1x2y3z4a6" },
  },
  "X-D1-Bookmark": {
    description:
      "How far the database had come. Send it with your next request, in the header of the same " +
      "name, to read what you have just written.",
    schema: { type: "string" },
  },
  ETag: {
    description: "Version of the resource, for `If-Match` and `If-None-Match`.",
    required: true,
    schema: { type: "string", example: '"3.9f86d081884c7d65"' },
  },
  Location: {
    description: "Path of what was created.",
    required: true,
    schema: { type: "string", example: "/api/v1/users/user_01jdn2z7q5e8t9v0w1x2y3z4a5" },
  },
  Link: {
    description: 'The next page as `rel="next"` (RFC 8288); not on the last one.',
    schema: { type: "string", example: '</api/v1/users?cursor=…>; rel="next"' },
  },
  "Retry-After": {
    description: "Seconds after which trying again helps; with problems that pass.",
    schema: { type: "integer", minimum: 1, example: 5 },
  },
  "RateLimit-Policy": {
    description:
      "The limits that this request met (draft-ietf-httpapi-ratelimit-headers): `q` requests in any " +
      "window of `w` seconds.",
    schema: { type: "string", example: '"tenant";q=600;w=60, "user";q=300;w=60' },
  },
  RateLimit: {
    description: "What is left of each: `r` requests; in `t` seconds there are more.",
    schema: { type: "string", example: '"tenant";r=599;t=60, "user";r=299;t=60' },
  },
  "WWW-Authenticate": {
    description: "What kind of credential is asked for.",
    required: true,
    schema: { type: "string", example: "Bearer" },
  },
} as const;

export type HeaderName = keyof typeof HEADERS;

/** References to headers by their names. */
export function headerRefs(names: readonly HeaderName[]) {
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }] as const),
  );
}

/** References to an example of each problem. */
export function problemExamples(codes: readonly ProblemCode[]) {
  return Object.fromEntries(
    codes.map((code) => [code, { $ref: `#/components/examples/${code}` }] as const),
  );
}

/** Registers what the endpoints' descriptions refer to. */
export function registerComponents(registry: OpenAPIHono["openAPIRegistry"]): void {
  registry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "The `access_token` that signing in at this door gave you.",
  });
  for (const [name, header] of Object.entries(HEADERS)) {
    registry.registerComponent("headers", name, header);
  }
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    registry.registerComponent("examples", code, {
      summary: PROBLEMS[code].title,
      value: example(code),
    });
  }
}

function example(code: ProblemCode) {
  return problemDocument(code, {
    detail:
      code === "validation-failed" ? "Some values are not valid." : `${PROBLEMS[code].title}.`,
    instance: "/api/v1/users/user_01jdn2z7q5e8t9v0w1x2y3z4a5",
    requestId: "req_01jdn2z7q5e8t9v0w1x2y3z4a6",
    errors:
      code === "validation-failed"
        ? [{ pointer: "/email", message: "Invalid email address" }]
        : undefined,
    extensions: EXTENSIONS[code],
  });
}

/** Members of their own that problems show in their examples. */
const EXTENSIONS: Partial<Record<ProblemCode, Readonly<Record<string, unknown>>>> = {
  "quota-exceeded": { "violated-policies": ["tenant"] },
  "over-quota": { "violated-policies": ["users"], quota: 100, used: 100 },
};

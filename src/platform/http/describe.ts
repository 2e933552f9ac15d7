import type { RouteConfig } from "@hono/zod-openapi";
import { z } from "@hono/zod-openapi";
import { PERMISSIONS, type Permission } from "../access/permissions.ts";
import { PROBLEMS, type ProblemCode, type ProblemKind } from "../problems.ts";
import { type HeaderName, headerRefs, problemExamples } from "./describe-components.ts";
import { type Access, addsData, type Endpoint, isOpen } from "./endpoint.ts";
import { keepsAnswers } from "./idempotency.ts";
import { PROBLEM_TYPE, Problem } from "./problem-document.ts";

/** The endpoint as the OpenAPI document shows it, with all that the pipeline may answer. */
export function describeEndpoint(endpoint: Endpoint): RouteConfig {
  const { access } = endpoint;
  return {
    method: endpoint.method,
    path: endpoint.path,
    operationId: endpoint.operationId,
    summary: endpoint.summary,
    description: description(endpoint),
    tags: [endpoint.tag],
    security: securityOf(access),
    request: {
      ...(endpoint.params ? { params: endpoint.params } : {}),
      ...(endpoint.query ? { query: endpoint.query } : {}),
      headers: headersOf(endpoint),
      ...(endpoint.body
        ? {
            body: {
              required: !endpoint.body.safeParse(undefined).success,
              content: { "application/json": { schema: endpoint.body } },
            },
          }
        : {}),
      ...(endpoint.raw ? { body: rawBody(endpoint.raw) } : {}),
    },
    responses: {
      ...successes(endpoint),
      ...(isRevalidated(endpoint)
        ? {
            304: {
              description: "`If-None-Match` names the version that is current.",
              headers: headerRefs(answerHeaders(endpoint)),
            },
          }
        : {}),
      ...problemResponses(problemsOf(endpoint)),
    },
    "x-doors": endpoint.doors,
    ...(access in PERMISSIONS ? { "x-permission": access, "x-badges": [{ name: access }] } : {}),
  } as RouteConfig;
}

/** None, optional or needed: a signature over the body is no scheme that OpenAPI can name. */
function securityOf(access: Access): RouteConfig["security"] {
  if (access === "anyone") return [{}, { bearer: [] }];
  return isOpen(access) ? [] : [{ bearer: [] }];
}

function rawBody({ description, mediaTypes }: NonNullable<Endpoint["raw"]>) {
  const content = Object.fromEntries(mediaTypes.map((type) => [type, { schema: z.unknown() }]));
  return { required: true, description, content };
}

function successes(endpoint: Endpoint): RouteConfig["responses"] {
  const { status, description, also, schema, stream } = endpoint.response;
  const entries = Object.entries({ [status]: description, ...also });
  return Object.fromEntries(
    entries.map(([code, meaning]) => [
      code,
      {
        description: meaning,
        headers: headerRefs(answerHeaders(endpoint)),
        ...(schema ? { content: { "application/json": { schema } } } : {}),
        ...(stream === undefined ? {} : { content: { [stream]: { schema: z.string() } } }),
      },
    ]),
  );
}

const EVERYWHERE = ["X-Request-ID", "RateLimit-Policy", "RateLimit"] as const;

/** Headers of the answer that all goes well with. */
function answerHeaders({ response, method, access }: Endpoint): HeaderName[] {
  const isPage = response.schema instanceof z.ZodObject && "next_cursor" in response.schema.shape;
  return [
    ...EVERYWHERE,
    ...(method !== "get" || !isOpen(access) ? (["X-D1-Bookmark"] as const) : []),
    ...(response.headers ?? []),
    ...(isPage ? (["Link"] as const) : []),
  ];
}

/** Whether the answer can be 304. */
function isRevalidated({ method, response }: Endpoint): boolean {
  return method === "get" && (response.headers?.includes("ETag") ?? false);
}

const OPEN_TO = {
  public: "No credential needed.",
  anyone: "No credential needed; a token shows more.",
  signature: "For whoever can sign the body with a secret of the service.",
  "signed-in": "For everybody who is signed in.",
} as const satisfies Partial<Record<Access, string>>;

function description(endpoint: Endpoint): string {
  const { access } = endpoint;
  const who =
    access in OPEN_TO
      ? OPEN_TO[access as keyof typeof OPEN_TO]
      : `Needs the permission \`${access}\`: ${PERMISSIONS[access as Permission].join(", ")}.`;
  const limited =
    endpoint.limit === "sign-in" ? "Of one address only a few a minute are admitted." : undefined;
  return [endpoint.description, who, limited].filter(Boolean).join("\n\n");
}

function headersOf(endpoint: Endpoint) {
  const shape: Record<string, z.ZodType> = {};
  if (keepsAnswers(endpoint)) {
    // No example: the reference would send it with every request that somebody tries out.
    shape["Idempotency-Key"] = z
      .string()
      .max(255)
      .optional()
      .openapi({
        description:
          "Any text of your choosing, such as a UUID. Repeats with the same key get the first " +
          "answer again, for 24 hours.",
      });
  }
  if (takesIfMatch(endpoint)) {
    shape["If-Match"] = z.string().optional().openapi({
      description: "Entity tag that was read; another one meanwhile is 412.",
    });
  }
  if (isRevalidated(endpoint)) {
    shape["If-None-Match"] = z.string().optional().openapi({
      description: "Entity tag that is there already; if it is current, the answer is 304.",
    });
  }
  return z.object(shape);
}

function takesIfMatch(endpoint: Endpoint): boolean {
  return endpoint.problems?.includes("precondition-failed") ?? false;
}

/** The problems of the pipeline that apply here, then the endpoint's own. */
function problemsOf(endpoint: Endpoint): ProblemCode[] {
  const codes: ProblemCode[] = [
    "internal-error",
    "database-unavailable",
    "not-ready",
    "quota-exceeded",
    "overloaded",
  ];
  if (endpoint.doors !== "platform") codes.push("tenant-not-found", "tenant-provisioning");
  const credible = !isOpen(endpoint.access) || endpoint.access === "anyone";
  if (credible) codes.push("unauthenticated");
  if (credible && endpoint.doors !== "platform") codes.push("tenant-suspended");
  if (endpoint.access in PERMISSIONS) codes.push("permission-denied");
  if (addsData(endpoint)) codes.push("over-quota");
  if (endpoint.params) codes.push("not-found");
  if (endpoint.query || endpoint.body) codes.push("validation-failed");
  if (endpoint.query && "cursor" in endpoint.query.shape) codes.push("invalid-cursor");
  if (endpoint.body) codes.push("malformed-json", "content-too-large", "unsupported-media-type");
  if (endpoint.method !== "get") codes.push("outcome-unknown");
  if (keepsAnswers(endpoint)) codes.push("idempotency-mismatch", "idempotency-in-progress");
  if (keepsAnswers(endpoint) || takesIfMatch(endpoint)) codes.push("malformed-request");
  return [...new Set([...codes, ...(endpoint.problems ?? [])])];
}

function problemResponses(codes: readonly ProblemCode[]): RouteConfig["responses"] {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  const entries = [...byStatus].map(([status, group]) => [
    status,
    {
      description: group.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(" "),
      headers: headerRefs(problemHeaders(status, group)),
      content: { [PROBLEM_TYPE]: { schema: Problem, examples: problemExamples(group) } },
    },
  ]);
  return Object.fromEntries(entries);
}

function problemHeaders(status: number, codes: readonly ProblemCode[]): HeaderName[] {
  const passes = codes.some((code) => {
    return code === "quota-exceeded" || (PROBLEMS[code] as ProblemKind).retryAfter !== undefined;
  });
  return [
    ...EVERYWHERE,
    ...(status === 401 ? (["WWW-Authenticate"] as const) : []),
    ...(passes ? (["Retry-After"] as const) : []),
  ];
}

import { z } from "@hono/zod-openapi";
import { type FieldError, PROBLEMS, type ProblemCode, type ProblemKind } from "../problems.ts";

/** Base of the stable `type` URIs. They name; nothing has to be there to read. */
const TYPE_BASE = "https://rowhouse.dev/problems/";

export const PROBLEM_TYPE = "application/problem+json";

export const Problem = z
  .object({
    type: z.string().describe("Stable URI of the kind of problem."),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe("What happened this time, for a person."),
    instance: z.string().describe("Path that was asked for."),
    request_id: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z
            .string()
            .describe("JSON pointer (RFC 6901), or `?name` for a query parameter."),
          message: z.string(),
        }),
      )
      .optional(),
    "violated-policies": z
      .array(z.string())
      .optional()
      .describe(
        "Names of the rate limits that are reached, as in `RateLimit-Policy`, or of the plan's quota.",
      ),
    quota: z.int().optional().describe("The plan's quota that is used up ..."),
    used: z.int().optional().describe("... and what is used of it."),
  })
  .openapi("Problem", {
    description: "RFC 9457 problem document.",
    example: {
      type: `${TYPE_BASE}not-found`,
      title: PROBLEMS["not-found"].title,
      status: 404,
      detail: PROBLEMS["not-found"].title,
      instance: "/api/v1/users/user_01jdn2z7q5e8t9v0w1x2y3z4a5",
      request_id: "req_01jdn2z7q5e8t9v0w1x2y3z4a6",
    },
  });

export interface ProblemOptions {
  readonly detail: string;
  readonly instance: string;
  readonly requestId: string;
  readonly retryAfter?: number | undefined;
  readonly errors?: readonly FieldError[] | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The body for a problem, by its code. */
export function problemDocument(
  code: ProblemCode,
  options: ProblemOptions,
): z.input<typeof Problem> {
  const { status, title, type = code }: ProblemKind = PROBLEMS[code];
  return {
    type: `${TYPE_BASE}${type}`,
    title,
    status,
    detail: options.detail,
    instance: options.instance,
    request_id: options.requestId,
    ...(options.errors ? { errors: [...options.errors] } : {}),
    ...options.extensions,
  };
}

/** The answer for a problem, by its code. */
export function problemResponse(code: ProblemCode, options: ProblemOptions): Response {
  const { status, retryAfter: usual, challenge = "Bearer" }: ProblemKind = PROBLEMS[code];
  const document = problemDocument(code, options);
  const headers = new Headers({ "content-type": PROBLEM_TYPE, ...options.headers });
  const retryAfter = options.retryAfter ?? usual;
  if (retryAfter !== undefined) headers.set("retry-after", String(Math.ceil(retryAfter)));
  // RFC 9110, section 15.5.2: a 401 says what it asks for.
  if (status === 401) headers.set("www-authenticate", challenge);
  return new Response(JSON.stringify(document), { status, headers });
}

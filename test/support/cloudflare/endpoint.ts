import type { z } from "zod";
import type { Account } from "./account.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** A call that has passed the check against its endpoint's fields. */
export interface Call<B = unknown> {
  method: Method;
  /** Path and query, below `/client/v4`. */
  path: string;
  /** What the placeholders of the path stand for. */
  params: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  /** The JSON body, parsed; `undefined` where the endpoint takes none or a form. */
  body: B;
  form: FormData | undefined;
}

/** What an endpoint answers; `info` becomes `result_info`. */
export interface Reply {
  result: unknown;
  info?: Record<string, unknown>;
}

/**
 * An operation of Cloudflare's API: its fields, as facts from the published schema
 * (github.com/cloudflare/api-schemas, as of cloudflare-typescript 7.1.0), and what it does here.
 */
export interface Endpoint {
  method: Method;
  /** Below `/client/v4`; a part with a colon is a placeholder. */
  path: string;
  /** Not in the published schema: only wrangler, which has it in its source, may call it. */
  wranglerOnly: boolean;
  /** Fields of query or body that are not in the schema either, and that wrangler alone may send. */
  wranglerFields: readonly string[];
  query: z.ZodType<Record<string, string>> | undefined;
  body: z.ZodType | undefined;
  form: boolean;
  answer(account: Account, call: Call): Reply | Promise<Reply>;
}

interface Definition<B> {
  wranglerOnly?: true;
  wranglerFields?: readonly string[];
  /** A strict object: fields that it does not name are refused. Without it no query is taken. */
  query?: z.ZodType<Record<string, string>>;
  body?: z.ZodType<B>;
  /** The body is a form, whose parts the endpoint checks itself. */
  form?: true;
  answer(account: Account, call: Call<B>): Reply | Promise<Reply>;
}

/** An endpoint; `at` is method and path, such as `GET /accounts/:account/queues`. */
export function endpoint<B = undefined>(at: string, definition: Definition<B>): Endpoint {
  const [method, path] = at.split(" ") as [Method, string];
  return {
    method,
    path,
    wranglerOnly: definition.wranglerOnly ?? false,
    wranglerFields: definition.wranglerFields ?? [],
    query: definition.query,
    body: definition.body,
    form: definition.form ?? false,
    answer: (account, call) => definition.answer(account, call as Call<B>),
  };
}

/** An answer of Cloudflare's that is an error. Codes that wrangler acts on are Cloudflare's own. */
export class Fault extends Error {
  override name = "Fault";
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A call or a field that Cloudflare's published schema does not have. */
export class UnknownField extends Fault {
  constructor(why: string, status = 400) {
    super(status, 7_003, why);
  }
}

/** Whether wrangler is the caller: it knows more of the API than is published. */
export function isWrangler({ headers }: Pick<Call, "headers">): boolean {
  return headers["user-agent"]?.startsWith("wrangler/") ?? false;
}

/** The fields of `value` but those in `names`. */
export function without(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

/** One page of a list, as `page` and `per_page` ask for it. */
export function pageOf(items: readonly unknown[], query: Record<string, string>): Reply {
  const page = Number(query.page ?? 1);
  const perPage = Number(query.per_page ?? 100);
  const result = items.slice((page - 1) * perPage, page * perPage);
  const total = items.length;
  const info = {
    page,
    per_page: perPage,
    count: result.length,
    total_count: total,
    total_pages: Math.ceil(total / perPage),
  };
  return { result, info };
}

import type { Ctx } from "../context.ts";
import { bookmarkFor } from "../tenancy/index.ts";
import type { AppContext } from "./context.ts";
import type { Answer, Endpoint } from "./endpoint.ts";
import { entityTag, isFresh } from "./etag.ts";

/** An answer as it goes over the wire, and as it is stored for an Idempotency-Key. */
export interface Rendered {
  readonly status: number;
  readonly body: string | null;
  /** Instead of it; never stored. */
  readonly stream?: ReadableStream<Uint8Array>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Renders an answer through the endpoint's schema, which drops every field that the schema does
 * not name: what a caller may not see cannot slip through.
 */
export async function renderAnswer(
  c: AppContext,
  endpoint: Endpoint,
  answer: Answer<unknown>,
): Promise<Rendered> {
  const { schema, stream: mediaType } = endpoint.response;
  const status = answer.status ?? endpoint.response.status;
  const headers: Record<string, string> = {};
  if (answer.location) headers.location = `/api/v1${answer.location}`;
  if (mediaType !== undefined && answer.stream) {
    headers["content-type"] = mediaType;
    return { status, body: null, stream: answer.stream, headers };
  }
  if (!schema) return { status, body: null, headers };
  const value = schema.parse(answer.body) as object;
  const body = JSON.stringify(value);
  headers["content-type"] = "application/json";
  if (answer.version !== undefined) headers.etag = await entityTag(answer.version, body);
  if ("next_cursor" in value && typeof value.next_cursor === "string") {
    headers.link = nextLink(c.req.url, value.next_cursor);
  }
  return { status, body, headers };
}

/** The response: rendered answer and bookmark. */
export async function toResponse(c: AppContext, ctx: Ctx, rendered: Rendered): Promise<Response> {
  const headers = new Headers(rendered.headers);
  const bookmark = await bookmarkFor(ctx);
  if (bookmark) headers.set("x-d1-bookmark", bookmark);
  const tag = headers.get("etag");
  const reads = c.req.method === "GET" || c.req.method === "HEAD";
  if (reads && tag && isFresh(c.req.header("if-none-match"), tag)) {
    headers.delete("content-type");
    return new Response(null, { status: 304, headers });
  }
  return new Response(rendered.stream ?? rendered.body, { status: rendered.status, headers });
}

/** RFC 8288. The path is relative: the door stays the caller's. */
function nextLink(current: string, cursor: string): string {
  const url = new URL(current);
  url.searchParams.set("cursor", cursor);
  return `<${url.pathname}${url.search}>; rel="next"`;
}

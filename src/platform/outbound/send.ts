import type { Settings } from "../../env.ts";
import { Failure, type ProblemCode } from "../problems.ts";
import { addressFault } from "./addresses.ts";
import { answerHeaders } from "./answer-headers.ts";
import { untilAborted } from "./deadline.ts";
import type { Line, OutboundAnswer, OutboundRequest } from "./line.ts";
import { readBody } from "./read-body.ts";
import { type Hop, nextHop } from "./redirects.ts";

/** Redirects that are followed. */
const MOST_REDIRECTS = 5;

/** For how long the beginning of a body is waited for, where that is enough, in ms. */
const BEGINNING_MS = 2_000;

/** An answer, whole. */
export interface Reply extends Pick<OutboundAnswer, "status" | "headers" | "body"> {
  readonly redirected: boolean;
  /** Whether the body is only its beginning. */
  readonly isCut: boolean;
}

/** What one attempt came to. */
export type Sent =
  | { readonly reply: Reply; readonly failure?: never }
  /** `status`: what the service itself said, where it did and that can be relied on. */
  | { readonly reply?: never; readonly failure: Failure; readonly status: number | null };

/** Sends a request once, and follows where it is sent on to. */
export async function send(
  request: OutboundRequest,
  line: Pick<Line, "followRedirects" | "maxResponseBytes" | "longAnswers">,
  settings: Settings,
  signal: AbortSignal,
): Promise<Sent> {
  let hop: Hop = request;
  const seen = new Set<string>();
  for (;;) {
    seen.add(nameOf(hop));
    // Made here, so that what cannot be sent at all is a fault of ours and not the service's.
    const prepared = prepare(hop, settings, signal);
    try {
      const response = await untilAborted(fetch(prepared), signal);
      const next = line.followRedirects ? onward(hop, response) : null;
      if (next === null) return await answered(hop, response, seen.size > 1);
      response.body?.cancel().catch(() => {});
      const fault = next.hop ? hopFault(hop, next.hop, seen, settings) : next.fault;
      if (fault !== null) return failed("downstream-answer", fault, response.status);
      hop = next.hop ?? hop;
    } catch (error) {
      return signal.aborted
        ? failed("downstream-timeout", "The service did not answer in time.", null)
        : failed("downstream-unreachable", "No whole answer came from the service.", null, error);
    }
  }

  async function answered(of: Hop, response: Response, redirected: boolean): Promise<Sent> {
    const { status } = response;
    const { maxResponseBytes: most, longAnswers } = line;
    const patienceMs = longAnswers === "cut" ? BEGINNING_MS : null;
    const { body, isCut } = await readBody(response, most, signal, patienceMs);
    if (isCut && longAnswers === "refuse") {
      const detail = `The service's answer is longer than ${most} bytes.`;
      return failed("downstream-answer", detail, status);
    }
    const headers = answerHeaders(response.headers, of.method);
    return { reply: { status, headers, body, redirected, isCut } };
  }
}

function prepare(hop: Hop, settings: Settings, signal: AbortSignal): Request {
  const headers = new Headers(hop.headers);
  headers.set("user-agent", `Rowhouse/${settings.VERSION}`);
  if (hop.credential) headers.set(...hop.credential);
  return new Request(hop.url, {
    method: hop.method,
    headers,
    body: hop.body,
    redirect: "manual",
    // Whatever keeps answers between here and there knows nothing of tenants.
    cache: "no-store",
    signal,
  });
}

type Onward = { hop: Hop; fault?: never } | { hop?: never; fault: string };

function onward(hop: Hop, response: Response): Onward | null {
  try {
    const next = nextHop(hop, response.status, response.headers.get("location"));
    return next && { hop: next };
  } catch {
    return { fault: "The service redirects to what is no URL." };
  }
}

/** Says nothing of where it leads: addresses may hold secrets. */
function hopFault(
  from: Hop,
  hop: Hop,
  seen: ReadonlySet<string>,
  settings: Settings,
): string | null {
  if (seen.has(nameOf(hop))) return "The service redirects in a circle.";
  if (seen.size > MOST_REDIRECTS) {
    return `The service redirects more than ${MOST_REDIRECTS} times.`;
  }
  // Whoever sent it there meant the service, and nobody else.
  if (hop.body !== null && hop.url.origin !== from.url.origin) {
    return "The service redirects a request with a body to another origin.";
  }
  const fault = addressFault(hop.url, settings);
  return fault && `The service redirects to an address that is not called: it ${fault}.`;
}

function nameOf({ method, url }: Hop): string {
  return `${method} ${url.href}`;
}

function failed(code: ProblemCode, detail: string, status: number | null, cause?: unknown): Sent {
  return { failure: new Failure(code, detail, { cause }), status };
}

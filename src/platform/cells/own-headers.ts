/** Headers that pass between the router and its cells alone. */
const OWN = "rowhouse-";

/**
 * Header with which a cell says that the router's way to a tenant leads nowhere any more: the tenant is
 * being moved, or has been.
 */
export const ROUTE_HEADER = "rowhouse-route";

/** The headers without those that only we may set. */
export function withoutOwn(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of headers.keys()) if (name.startsWith(OWN)) kept.delete(name);
  return kept;
}

/** The answer as a client may see it; the same one where there is nothing to hide. */
export function asShown(answer: Response): Response {
  const isClean = [...answer.headers.keys()].every((name) => !name.startsWith(OWN));
  if (isClean) return answer;
  return new Response(answer.body, {
    status: answer.status,
    headers: withoutOwn(answer.headers),
    webSocket: answer.webSocket,
  });
}

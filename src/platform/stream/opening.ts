/** What the front door tells a tenant's object when somebody comes with a ticket. */
export interface Opening {
  /** Of the ticket. */
  readonly hash: string;
  /** Position that the stream goes on after; null: from now on. */
  readonly after: number | null;
}

/** The request to the object. Nobody else can send it any. */
export function openingRequest({ hash, after }: Opening): Request {
  const query = new URLSearchParams({ hash, ...(after === null ? {} : { after: String(after) }) });
  return new Request(`https://stream/?${query}`, { headers: { upgrade: "websocket" } });
}

/** What the request says. */
export function readOpening(request: Request): Opening {
  const { searchParams } = new URL(request.url);
  const after = searchParams.get("after");
  return { hash: searchParams.get("hash") ?? "", after: after === null ? null : Number(after) };
}

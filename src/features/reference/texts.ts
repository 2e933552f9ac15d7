/** The groups of operations, in the order of the page. */
export const TAGS = [
  { name: "Sign-in", description: "Getting tokens, renewing them, giving them up." },
  { name: "Sessions", description: "Where the caller is signed in." },
  { name: "Registration", description: "How a company becomes a tenant." },
  { name: "Users", description: "The people of a tenant." },
  { name: "Tenant", description: "The tenant of this door." },
  { name: "Tenants", description: "All tenants, for operators." },
  { name: "Cells", description: "Where tenants live, and what room there is. For operators." },
  { name: "Migrations", description: "Bringing all tenants' databases up to date. For operators." },
  { name: "Services", description: "External systems that the tenant integrates." },
  { name: "Webhooks", description: "What those systems send, and what became of it." },
  { name: "Actors", description: "Who acts in the tenant's business." },
  { name: "Events", description: "What happened in the tenant's business." },
  { name: "Signals", description: "What somebody has to look at, and the live stream of it." },
  { name: "Signal rules", description: "When a metric opens a signal by itself." },
  { name: "Destinations", description: "URLs that events are delivered to, and what arrived." },
  { name: "Audit", description: "Who did what." },
  { name: "Jobs", description: "What ran by the clock, and what of it failed. For operators." },
  { name: "Service", description: "Whether the service is up, and where to look." },
];

/** What holds for every operation. */
export const INTRODUCTION = `\
A multi-tenant API platform: every tenant has a database, a door and keys of its own.

**Sign in** with \`POST /api/v1/auth/login\` and put the \`access_token\` into *Authentication*. It is
good for this door alone. This page forgets it when you close it.

**Errors** are problem documents (RFC 9457). \`type\` names the kind and is stable; \`request_id\` finds
the request in the logs.

**Lists** take \`limit\` and \`cursor\`; \`next_cursor\` of one page is the \`cursor\` of the next.

**Repeating a change** is safe with an \`Idempotency-Key\`: the first answer comes again for 24 hours.

**Changing what somebody else may change too**: send the \`ETag\` that you read as \`If-Match\`; 412 says
that it is no longer current.

**Reading what you have just written**: send the \`X-D1-Bookmark\` of the last answer with the next
request.

**Webhooks** of a service that you have added are taken in at its \`webhook.url\`, signed with its
secret and without a token. What is answered 2xx is stored and takes effect once; a repeat is answered
\`duplicate\`. What became of it is told by \`GET /api/v1/webhooks/events\`.

**Signals** are what somebody has to look at: posted, or opened by a rule on a metric, and acknowledged,
assigned and resolved. What happens to them comes live over a WebSocket: take a ticket with
\`POST /api/v1/signals/stream-tickets\` and open \`/api/v1/signals/stream\` with it.`;

/**
 * What every caller gets from every operation, written by hand. The tests compare the Worker with
 * this table; the table is never made from the code.
 *
 * On a tenant's door, A's:
 * - `none`: no credential; `brkn`: the right caller's token with one letter of the signature changed
 * - `B's`: the token of another tenant's admin
 * - `ids`: A's admin, with what belongs to B (id, e-mail, refresh token); `no`: with what nobody has
 * - `admn mngr user rdnl`: A's own roles; `oper`: an operator's token
 *
 * On the platform's door:
 * - `A's`: the token of a tenant's admin; `ids`: an operator, with what belongs to a tenant
 * - `oper`: an operator
 *
 * `-` where the operation names nothing that could be somebody else's.
 *
 * Receiving webhooks asks for a signature instead of a token. There `none` has none, `brkn` one with a
 * letter changed, `B's` one made with a secret of B (of A on the platform's door). All others sign
 * rightly, `ids` for a service of B; the roles send their tokens too, which change nothing.
 *
 * The live stream asks for a ticket, which each of the roles was given on A's door. There `none` has
 * none, `brkn` one with a letter changed, `B's` one of B's door (of A's on the platform's door), and
 * `oper` a token alone: no door gives operators a ticket.
 */
const TABLE = `
                                            | none brkn B's | ids no  | admn mngr user rdnl oper || none brkn A's | ids no  | oper
  GET /                                     | 200  200  200 | -   -   | 200  200  200  200  200  || 200  200  200 | -   -   | 200
  GET /health                               | 200  200  200 | -   -   | 200  200  200  200  200  || 200  200  200 | -   -   | 200
  GET /ready                                | 200  200  200 | -   -   | 200  200  200  200  200  || 200  200  200 | -   -   | 200
  GET /.well-known/jwks.json                | 200  200  200 | -   -   | 200  200  200  200  200  || 200  200  200 | -   -   | 200

 POST /api/v1/auth/register                 | 404  404  404 | -   -   | 404  404  404  404  404  || 201  201  201 | -   -   | 201
 POST /api/v1/auth/login                    | 200  200  200 | 401 401 | 200  200  200  200  200  || 200  200  200 | 401 401 | 200
 POST /api/v1/auth/refresh                  | 200  200  200 | 401 401 | 200  200  200  200  200  || 200  200  200 | 401 401 | 200
 POST /api/v1/auth/logout                   | 401  401  401 | -   -   | 204  204  204  204  401  || 401  401  401 | -   -   | 204
  GET /api/v1/auth/me                       | 401  401  401 | -   -   | 200  200  200  200  401  || 401  401  401 | -   -   | 200
  GET /api/v1/auth/sessions                 | 401  401  401 | -   -   | 200  200  200  200  401  || 401  401  401 | -   -   | 200
  DEL /api/v1/auth/sessions/{id}            | 401  401  401 | 404 404 | 204  204  204  204  401  || 401  401  401 | 404 404 | 204

  PUT /api/v1/users/profile                 | 401  401  401 | -   -   | 200  200  200  200  401  || 401  401  401 | -   -   | 200
 POST /api/v1/users/change-password         | 401  401  401 | -   -   | 204  204  204  204  401  || 401  401  401 | -   -   | 204
  GET /api/v1/users                         | 401  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
 POST /api/v1/users                         | 401  401  401 | -   -   | 201  403  403  403  401  || 404  404  404 | -   -   | 404
  GET /api/v1/users/{id}                    | 401  401  401 | 404 404 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
  PUT /api/v1/users/{id}                    | 401  401  401 | 404 404 | 200  403  403  403  401  || 404  404  404 | 404 404 | 404
  DEL /api/v1/users/{id}                    | 401  401  401 | 404 404 | 204  403  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/users/{id}/unlock             | 401  401  401 | 404 404 | 200  403  403  403  401  || 404  404  404 | 404 404 | 404

  GET /api/v1/tenants/current               | 401  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
  GET /api/v1/tenants/current/usage         | 401  401  401 | -   -   | 200  200  403  403  401  || 404  404  404 | -   -   | 404
  PUT /api/v1/tenants/current               | 401  401  401 | -   -   | 200  403  403  403  401  || 404  404  404 | -   -   | 404
  DEL /api/v1/tenants/current               | 401  401  401 | -   -   | 204  403  403  403  401  || 404  404  404 | -   -   | 404

  GET /api/v1/services                      | 401  401  401 | -   -   | 200  200  403  403  401  || 404  404  404 | -   -   | 404
 POST /api/v1/services                      | 401  401  401 | -   -   | 201  403  403  403  401  || 404  404  404 | -   -   | 404
  GET /api/v1/services/{slug}               | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
  PUT /api/v1/services/{slug}               | 401  401  401 | 404 404 | 200  403  403  403  401  || 404  404  404 | 404 404 | 404
  DEL /api/v1/services/{slug}               | 401  401  401 | 404 404 | 204  403  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/services/{slug}/requests      | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
  GET /api/v1/services/{slug}/breaker       | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/services/{slug}/breaker/open  | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/services/{slug}/breaker/close | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/services/{slug}/breaker/reset | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404

  GET /api/v1/actors                        | 401  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
 POST /api/v1/actors                        | 401  401  401 | -   -   | 201  201  403  403  401  || 404  404  404 | -   -   | 404
  GET /api/v1/actors/{id}                   | 401  401  401 | 404 404 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
  PUT /api/v1/actors/{id}                   | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
  DEL /api/v1/actors/{id}                   | 401  401  401 | 404 404 | 204  204  403  403  401  || 404  404  404 | 404 404 | 404

  GET /api/v1/events                        | 401  401  401 | 200 200 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
  GET /api/v1/events/{id}                   | 401  401  401 | 404 404 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/events                        | 401  401  401 | 422 422 | 201  201  201  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/events/batch                  | 401  401  401 | 200 200 | 200  200  200  403  401  || 404  404  404 | 404 404 | 404

  GET /api/v1/signals                       | 401  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
 POST /api/v1/signals                       | 401  401  401 | -   -   | 201  201  201  403  401  || 404  404  404 | -   -   | 404
  GET /api/v1/signals/metrics               | 401  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
  GET /api/v1/stats                         | 401  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
 POST /api/v1/signals/stream-tickets        | 401  401  401 | -   -   | 201  201  201  201  401  || 404  404  404 | -   -   | 404
  GET /api/v1/signals/stream                | 401  401  401 | -   -   | 101  101  101  101  401  || 404  404  404 | -   -   | 404
  GET /api/v1/signals/{id}                  | 401  401  401 | 404 404 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/signals/{id}/acknowledge      | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/signals/{id}/assign           | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/signals/{id}/resolve          | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404

  GET /api/v1/signal-rules                  | 401  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
 POST /api/v1/signal-rules                  | 401  401  401 | -   -   | 201  201  403  403  401  || 404  404  404 | -   -   | 404
  GET /api/v1/signal-rules/{id}             | 401  401  401 | 404 404 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
  PUT /api/v1/signal-rules/{id}             | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
  DEL /api/v1/signal-rules/{id}             | 401  401  401 | 404 404 | 204  204  403  403  401  || 404  404  404 | 404 404 | 404

  GET /api/v1/destinations                  | 401  401  401 | -   -   | 200  200  403  403  401  || 404  404  404 | -   -   | 404
 POST /api/v1/destinations                  | 401  401  401 | -   -   | 201  201  403  403  401  || 404  404  404 | -   -   | 404
  GET /api/v1/destinations/{id}             | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
  PUT /api/v1/destinations/{id}             | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
  DEL /api/v1/destinations/{id}             | 401  401  401 | 404 404 | 204  204  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/destinations/{id}/secrets     | 401  401  401 | 404 404 | 201  201  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/destinations/{id}/resend      | 401  401  401 | 404 404 | 202  202  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/destinations/{id}/test        | 401  401  401 | 404 404 | 202  202  403  403  401  || 404  404  404 | 404 404 | 404
  GET /api/v1/destinations/{id}/deliveries  | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
  GET /api/v1/destinations/{id}/deliveries/{delivery_id} | 401  401  401 | 404 404 | 200  200  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/destinations/{id}/deliveries/{delivery_id}/resend | 401  401  401 | 404 404 | 202  202  403  403  401  || 404  404  404 | 404 404 | 404

 POST /api/v1/webhooks/{service}            | 401  401  401 | 404 404 | 202  202  202  202  202  || 404  404  404 | 404 404 | 404
 POST /api/v1/webhooks/{service}/batch      | 401  401  401 | 404 404 | 202  202  202  202  202  || 404  404  404 | 404 404 | 404
 POST /api/v1/webhooks/{service}/test       | 401  401  401 | 404 404 | 202  202  403  403  401  || 404  404  404 | 404 404 | 404
  GET /api/v1/webhooks/health               | 200  401  401 | -   -   | 200  200  200  200  401  || 404  404  404 | -   -   | 404
  GET /api/v1/webhooks/events               | 401  401  401 | 200 200 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
  GET /api/v1/webhooks/events/{id}          | 401  401  401 | 404 404 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/webhooks/events/{id}/replay   | 401  401  401 | 404 404 | 202  202  403  403  401  || 404  404  404 | 404 404 | 404
 POST /api/v1/webhooks/dead-letters/replay  | 401  401  401 | 202 202 | 202  202  403  403  401  || 404  404  404 | 404 404 | 404
  GET /api/v1/webhooks/rejections           | 401  401  401 | 200 200 | 200  200  200  200  401  || 404  404  404 | 404 404 | 404

  GET /api/v1/audit                         | 401  401  401 | 200 200 | 200  200  403  403  401  || 401  401  401 | 200 200 | 200

  GET /api/v1/jobs                          | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 200
  GET /api/v1/jobs/{id}                     | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200

  GET /api/v1/migrations                    | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 200
 POST /api/v1/migrations                    | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 202
  GET /api/v1/migrations/{id}               | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
 POST /api/v1/migrations/{id}/resume        | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 202
 POST /api/v1/migrations/{id}/cancel        | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200

  GET /api/v1/cells                         | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 200
  GET /api/v1/cells/{name}                  | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
  PUT /api/v1/cells/{name}                  | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
 POST /api/v1/cells/{name}/databases        | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
  GET /api/v1/databases                     | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 200

 POST /api/v1/invitations                   | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 201
  GET /api/v1/tenants                       | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 200
 POST /api/v1/tenants                       | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 201
  GET /api/v1/tenants/{id}                  | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
  PUT /api/v1/tenants/{id}                  | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
  DEL /api/v1/tenants/{id}                  | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 204
 POST /api/v1/tenants/{id}/suspend          | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
 POST /api/v1/tenants/{id}/activate         | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
 POST /api/v1/tenants/{id}/purge            | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 202
  GET /api/v1/tenants/{id}/export           | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
 POST /api/v1/tenants/imports               | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
 POST /api/v1/tenants/imports/seed          | 404  404  404 | -   -   | 404  404  404  404  404  || 401  401  401 | -   -   | 201
  GET /api/v1/tenants/{id}/imports          | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
  GET /api/v1/tenants/{id}/imports/{import} | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
  PUT /api/v1/tenants/{id}/imports/{import}/parts/{part} | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
 POST /api/v1/tenants/{id}/imports/{import}/complete | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 200
  DEL /api/v1/tenants/{id}/imports/{import} | 404  404  404 | 404 404 | 404  404  404  404  404  || 401  401  401 | -   404 | 204
`;

export const DOORS = ["tenant", "platform"] as const;
export type DoorName = (typeof DOORS)[number];

/** The callers of each door, in the order of the table. */
export const COLUMNS = {
  tenant: [
    "none",
    "broken",
    "foreign",
    "ids",
    "nobody",
    "admin",
    "manager",
    "user",
    "readonly",
    "operator",
  ],
  platform: ["none", "broken", "foreign", "ids", "nobody", "operator"],
} as const;
export type Column = (typeof COLUMNS)[DoorName][number];

/** One operation. A cell that does not exist is left out. */
export interface GoldenRow {
  readonly operation: string;
  readonly cells: Readonly<Record<DoorName, Readonly<Partial<Record<Column, number>>>>>;
}

export const GOLDEN: readonly GoldenRow[] = TABLE.split("\n")
  .filter((line) => /^ *[A-Z]+ \//.test(line))
  .map(rowOf);

/** `GET /path` as the table writes it. */
export function operationName(method: string, path: string): string {
  return `${method.toUpperCase().replace("DELETE", "DEL")} ${path}`;
}

/** Method and path of an operation. */
export function parseOperation(operation: string): { method: string; path: string } {
  const [method = "", path = ""] = operation.split(" ");
  return { method: method === "DEL" ? "DELETE" : method, path };
}

/** A line of the table. */
export function rowOf(line: string): GoldenRow {
  const operation = line.slice(0, line.indexOf("|"));
  const [tenant = "", platform = ""] = line.slice(operation.length).split("||");
  return {
    operation: operation.trim(),
    cells: { tenant: cellsOf(tenant, "tenant"), platform: cellsOf(platform, "platform") },
  };
}

function cellsOf(text: string, door: DoorName): Partial<Record<Column, number>> {
  const texts = text.split(/[|\s]+/).filter(Boolean);
  const columns = COLUMNS[door];
  if (texts.length !== columns.length) throw new Error(`${texts.length} cells in "${text}"`);
  const cells = columns.map((column, at) => [column, texts[at]] as const);
  return Object.fromEntries(
    cells.flatMap(([column, cell]) => (cell === "-" ? [] : [[column, Number(cell)]])),
  );
}

import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { mountUpgrade } from "../../platform/http/upgrade.ts";
import { PROTOCOL, protocolsFor } from "../../platform/stream/protocol.ts";
import { issueTicket, openStream } from "../../platform/stream/stream-client.ts";
import { TICKET_SECONDS } from "../../platform/stream/tickets.ts";
import { StreamQuery, StreamTicket } from "./stream.schemas.ts";

const TAG = "Signals";
const PATH = "/signals/stream";

export const streamRouter = createRouter();

mount(
  streamRouter,
  endpoint({
    method: "post",
    path: "/signals/stream-tickets",
    operationId: "createStreamTicket",
    summary: "A ticket for the live stream",
    description:
      "It opens one stream, once, within 30 seconds, and stands for the caller's session: when that " +
      "ends, the stream does.",
    tag: TAG,
    doors: "tenant",
    access: "signals:read",
    adds: "nothing",
    idempotency: "off",
    response: { status: 201, description: "The ticket.", schema: StreamTicket },
    problems: ["too-many-streams", "not-ready"],
  }),
  {
    handle: (ctx) => issueTicket(ctx),
    present: (ticket, { realm }) => ({
      body: {
        ticket,
        expires_in: TICKET_SECONDS,
        url: `${realm.origin.replace(/^http/, "ws")}/api/v1${PATH}`,
        protocols: protocolsFor(ticket),
      },
    }),
  },
);

mountUpgrade(
  streamRouter,
  endpoint({
    method: "get",
    path: PATH,
    operationId: "streamSignals",
    summary: "What happens to signals, live",
    description: [
      "A WebSocket, with the subprotocols that the ticket came with. What is sent is JSON:",
      '- `{"type": "ready", "id": "41"}` first: the stream goes on after 41;',
      '- `{"type": "signal.opened", "id": "42", "occurred_at": "…", "data": {…}}` for each change, once ' +
        "and in order; also `signal.escalated`, `.acknowledged`, `.assigned` and `.resolved`. `data` is " +
        "the signal as it is by then;",
      '- `{"type": "heartbeat", "id": "42"}` twice a minute: there was nothing after 42. None ' +
        "comes while more waits for your acknowledgements.",
      'Answer each with `{"ack": "<id>"}`, which stands for all before it too. At most 128 are sent ahead ' +
        "of the last acknowledged one; the rest waits. After a break, take a new ticket and go on with " +
        "`last_event_id`.",
      "The server closes with 1003, 1008 or 1009 when it cannot take what it is sent, with 1011 on a fault " +
        "of its own, 4401 when the session is over, 4403 when the tenant is suspended or the role lacks " +
        "the permission, 4408 when nothing is acknowledged for 60 seconds, and 4410 when the database was " +
        "restored and ids are used again: read the signals anew, and begin without `last_event_id`.",
    ].join("\n\n"),
    tag: TAG,
    doors: "tenant",
    access: "public",
    query: StreamQuery,
    response: { status: 101, description: "The stream is open." },
    problems: [
      "upgrade-required",
      "origin-not-allowed",
      "invalid-ticket",
      "tenant-suspended",
      "permission-denied",
      "too-many-streams",
      "not-ready",
    ],
  }),
  async (ctx, { query, offered }) => {
    const after = query.last_event_id === undefined ? null : Number(query.last_event_id);
    return { socket: await openStream(ctx, offered, after), protocol: PROTOCOL };
  },
);

import { z } from "zod";

/** The subprotocol (RFC 6455, section 1.9) that clients offer and the server answers with. */
export const PROTOCOL = "rowhouse.v1";
/** Beside it a client offers its ticket with this in front: addresses get logged, this does not. */
const TICKET_PREFIX = "ticket.";

/** What a client offers to open a stream with a ticket. */
export function protocolsFor(ticket: string): string[] {
  return [PROTOCOL, TICKET_PREFIX + ticket];
}

/** The ticket among the offered subprotocols; null where the one or the other is missing. */
export function ticketAmong(offered: readonly string[]): string | null {
  if (!offered.includes(PROTOCOL)) return null;
  const ticket = offered.find((each) => each.startsWith(TICKET_PREFIX));
  return ticket?.slice(TICKET_PREFIX.length) ?? null;
}

/** Why the server ends a stream: the code for programs, the reason for people. */
export const CLOSINGS = {
  binary: [1003, "Only text is understood."],
  malformed: [1008, 'A message is {"ack": "<id>"} and nothing else.'],
  unsent: [1008, "This id was never sent."],
  chatty: [1008, "Too many messages that acknowledge nothing."],
  large: [1009, "A message has at most 1024 letters."],
  fault: [1011, "Something went wrong on our side: try again."],
  over: [4401, "The session is over."],
  suspended: [4403, "The tenant is suspended or has left."],
  forbidden: [4403, "The role lacks the permission."],
  rewound: [4410, "The database was restored: begin again without an id."],
  silent: [4408, "Nothing was acknowledged for 60 seconds."],
} as const;
export type Closing = keyof typeof CLOSINGS;

/** What happened, in the order in which it is told. */
export interface StreamItem {
  /** Position: greater than that of every item before it. */
  readonly seq: number;
  /** `resource.past_participle`. */
  readonly type: string;
  readonly occurredAt: Date;
  /** As the API shows it. */
  readonly data: unknown;
}

/** An item as it goes over the wire. Ids are text: they may one day not be numbers. */
export function itemMessage({ seq, type, occurredAt, data }: StreamItem): string {
  return JSON.stringify({ id: String(seq), type, occurred_at: occurredAt.toISOString(), data });
}

/** Opens a stream at a position, or says that it is alive and has been told all up to there. */
export function placeMessage(type: "ready" | "heartbeat", position: number): string {
  return JSON.stringify({ type, id: String(position) });
}

/** A position as text: what clients acknowledge and go on after. */
export const StreamId = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,14})$/, "must be an id that a stream has sent");

const Acknowledgement = z.strictObject({ ack: StreamId });

/** Letters that a client's message may have. */
const MESSAGE_LETTERS = 1_024;

/** The position that a client's message acknowledges, or what is wrong with the message. */
export function readAcknowledgement(message: string | ArrayBuffer): number | Closing {
  if (typeof message !== "string") return "binary";
  if (message.length > MESSAGE_LETTERS) return "large";
  try {
    const parsed = Acknowledgement.safeParse(JSON.parse(message));
    return parsed.success ? Number(parsed.data.ack) : "malformed";
  } catch {
    return "malformed";
  }
}

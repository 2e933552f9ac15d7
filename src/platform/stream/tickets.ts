/** Tickets that open one stream each, in the storage of the tenant's object. */

/** Seconds that a ticket is good for. */
export const TICKET_SECONDS = 30;

/** Tickets that one user may have at a time: with one more, the oldest goes. */
const TICKETS_PER_USER = 5;

const PREFIX = "ticket:";

/** Whom a ticket lets in. */
export interface TicketHolder {
  readonly userId: string;
  readonly sessionId: string;
}

interface Ticket extends TicketHolder {
  readonly expiresAt: number;
}

/**
 * Keeps a ticket, by its hash: whoever reads the storage can open nothing. Those that nobody has come
 * with go.
 */
export function keepTicket(
  kv: SyncKvStorage,
  hash: string,
  holder: TicketHolder,
  now: number,
): void {
  const own = dropLate(kv, now)
    .filter(([, { userId }]) => userId === holder.userId)
    .sort(([, one], [, other]) => other.expiresAt - one.expiresAt);
  for (const [key] of own.slice(TICKETS_PER_USER - 1)) kv.delete(key);
  kv.put<Ticket>(PREFIX + hash, { ...holder, expiresAt: now + TICKET_SECONDS * 1_000 });
}

/** How many tickets somebody may still come with. Those that come too late go. */
export function countTickets(kv: SyncKvStorage, now: number): number {
  return dropLate(kv, now).length;
}

/** @returns those that are left, by their keys */
function dropLate(kv: SyncKvStorage, now: number): [string, Ticket][] {
  const kept = [...kv.list<Ticket>({ prefix: PREFIX })];
  for (const [key, { expiresAt }] of kept) if (expiresAt <= now) kv.delete(key);
  return kept.filter(([, { expiresAt }]) => expiresAt > now);
}

/** Takes a ticket away from its hash: it works once. Null when there is none, or it comes too late. */
export function redeemTicket(kv: SyncKvStorage, hash: string, now: number): TicketHolder | null {
  const ticket = kv.get<Ticket>(PREFIX + hash);
  kv.delete(PREFIX + hash);
  return ticket && now < ticket.expiresAt ? ticket : null;
}

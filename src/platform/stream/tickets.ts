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
  const kept = [...kv.list<Ticket>({ prefix: PREFIX })];
  const late = kept.filter(([, { expiresAt }]) => expiresAt <= now);
  const own = kept
    .filter(([, { userId, expiresAt }]) => userId === holder.userId && expiresAt > now)
    .sort(([, one], [, other]) => other.expiresAt - one.expiresAt);
  for (const [key] of [...late, ...own.slice(TICKETS_PER_USER - 1)]) kv.delete(key);
  kv.put<Ticket>(PREFIX + hash, { ...holder, expiresAt: now + TICKET_SECONDS * 1_000 });
}

/** Takes a ticket away from its hash: it works once. Null when there is none, or it comes too late. */
export function redeemTicket(kv: SyncKvStorage, hash: string, now: number): TicketHolder | null {
  const ticket = kv.get<Ticket>(PREFIX + hash);
  kv.delete(PREFIX + hash);
  return ticket && now < ticket.expiresAt ? ticket : null;
}

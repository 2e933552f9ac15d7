import { DurableObject } from "cloudflare:workers";
import { type Bindings, settingsOf } from "../../env.ts";
import type { TenantCtx } from "../context.ts";
import type { House } from "../jobs/doorbell.ts";
import { PROBLEMS, type ProblemCode } from "../problems.ts";
import { createChatter } from "./chatter.ts";
import { codeOf, type Done, inHouse } from "./in-house.ts";
import { readOpening } from "./opening.ts";
import { placeMessage, readAcknowledgement } from "./protocol.ts";
import { deliver, end, isOpen, note, seatsOf, viewerAt } from "./sockets.ts";
import { OBJECTIONS, objectionTo } from "./standing.ts";
import type { StreamSource } from "./stream-source.ts";
import { countTickets, keepTicket, redeemTicket, type TicketHolder } from "./tickets.ts";
import { acknowledge, isSilent, newViewer, told } from "./viewer.ts";

/** How often the object looks by itself while somebody watches, in ms. */
const ROUND_MS = 30_000;
/** How long it is believed who may watch, in ms; as long as elsewhere. */
const STANDING_MS = 5_000;
/** An opening that takes longer is given up: nobody waits for it any more. In ms. */
const OPENING_MS = 1_500;
/** Items read at a time. */
const PAGE = 100;
/** Storage key of the tenant's id and slug. */
const HOUSE = "house";

/** What is wanted of the object when a ticket is made. */
export interface NewTicket extends TicketHolder {
  readonly hash: string;
  readonly house: House;
}

/**
 * Holds the WebSockets of one tenant, and sends them what happens there. It keeps no items: they stand
 * in the tenant's database, and a bell makes it read those that come after the least position of its
 * sockets. It may be evicted at any moment; the sockets stay, and what they were sent stands with them.
 */
export abstract class LiveStream extends DurableObject<Bindings> {
  protected abstract readonly source: StreamSource;
  readonly #chatter = createChatter();
  #wanted = false;
  /** Whether what was last wanted could be done; null while nothing is under way. */
  #serving: Promise<boolean> | null = null;
  /** Until when it is believed who may watch, and how often that was put in doubt. */
  #believedUntil = 0;
  #doubts = 0;
  /** Openings under way: they have no ticket any more, and no socket yet. */
  #openings = 0;

  /** Keeps a ticket. @returns why there is none: too many watch already */
  async issue({ hash, house, userId, sessionId }: NewTicket): Promise<string | null> {
    const full = this.#full(userId);
    if (full) return full;
    const { kv } = this.ctx.storage;
    kv.put<House>(HOUSE, house);
    keepTicket(kv, hash, { userId, sessionId }, Date.now());
    // A ticket that nobody comes with is cleared away by the alarm.
    await this.#ensureAlarm();
    return null;
  }

  /** Hears that there is something new. Costs nothing where nobody watches. */
  async ring(): Promise<void> {
    if (seatsOf(this.ctx).length > 0) this.ctx.waitUntil(this.#serve());
  }

  /** Hears that somebody may no longer watch. */
  async recheck(): Promise<void> {
    this.#doubt();
    await this.ring();
  }

  /** Opens a stream for whoever comes with a ticket; what stands against it is the answer's body. */
  override fetch(request: Request): Promise<Response> {
    this.#openings += 1;
    return this.#open(request).finally(() => {
      this.#openings -= 1;
    });
  }

  async #open(request: Request): Promise<Response> {
    const from = Date.now();
    const { hash, after } = readOpening(request);
    const holder = redeemTicket(this.ctx.storage.kv, hash, Date.now());
    if (!holder) return refusal("invalid-ticket");
    const read = await this.#inTenant(async (ctx) => {
      const [standing, head] = await Promise.all([
        this.source.standing(ctx, [holder.sessionId]),
        this.source.head(ctx),
      ]);
      return { standing, head };
    });
    if ("error" in read) return refusal(codeOf(read.error) ?? "not-ready");
    const { standing, head } = read.value;
    const objection = objectionTo(holder.sessionId, standing, this.source.permission);
    if (objection) return refusal(OBJECTIONS[objection]);
    await this.#ensureAlarm();
    // The caller has gone, or is about to: a socket would take up a seat for nobody.
    if (Date.now() - from > OPENING_MS) return refusal("not-ready");
    // Nothing is awaited from here on: of many at once none gets past the limit.
    if (this.#full(holder.userId)) return refusal("too-many-streams");
    // Who has seen more than there is comes from before a restoration.
    const position = Math.min(after ?? head, head);
    const { 0: client, 1: socket } = new WebSocketPair();
    this.ctx.acceptWebSocket(socket, [holder.userId]);
    note(socket, newViewer(holder, position, Date.now()));
    socket.send(placeMessage("ready", position));
    // What came while the door was being opened rang for the others.
    this.ctx.waitUntil(this.#serve());
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (!isOpen(socket)) return;
    const now = Date.now();
    const ack = readAcknowledgement(message);
    const taken = typeof ack === "number" ? acknowledge(viewerAt(socket), ack, now) : null;
    if (typeof ack !== "number") end(socket, ack);
    else if (!taken) end(socket, "unsent");
    else if (taken.isNews) note(socket, taken.viewer);
    else if (this.#chatter.isTooMuch(socket, now)) end(socket, "chatty");
    if (taken?.reopens) this.ctx.waitUntil(this.#serve());
  }

  /** RFC 6455, section 5.5.1: a close is answered with one. */
  override webSocketClose(socket: WebSocket): void {
    socket.close(1000);
  }

  /**
   * The backstop: looks for what no bell told of, who may no longer watch and who has gone silent, and
   * tells all others that they have been told everything. Where nobody watches it clears up.
   */
  override async alarm(): Promise<void> {
    for (const { socket, viewer } of seatsOf(this.ctx)) {
      if (isSilent(viewer, Date.now())) end(socket, "silent");
    }
    if (seatsOf(this.ctx).length === 0) return this.#clear();
    await this.#setAlarm();
    this.#doubt();
    const isServed = await this.#serve();
    for (const { socket, viewer } of seatsOf(this.ctx)) {
      // Silence would pass for peace: whoever cannot be told anything shall try elsewhere.
      if (!isServed) end(socket, "fault");
      // To whoever has more waiting it would be untrue.
      else if (!viewer.waits) {
        socket.send(placeMessage("heartbeat", viewer.sent));
        note(socket, told(viewer, viewer.sent, Date.now()));
      }
    }
  }

  /** Leaves nothing behind once nobody can come any more; until then it looks again later. */
  async #clear(): Promise<void> {
    const { storage } = this.ctx;
    const isAwaited = this.#openings > 0 || countTickets(storage.kv, Date.now()) > 0;
    await (isAwaited ? this.#setAlarm() : storage.deleteAll());
  }

  async #ensureAlarm(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.#setAlarm();
  }

  #setAlarm(): Promise<void> {
    return this.ctx.storage.setAlarm(Date.now() + ROUND_MS);
  }

  #doubt(): void {
    this.#doubts += 1;
    this.#believedUntil = 0;
  }

  /** Why no more may watch; null when they may. */
  #full(userId: string): string | null {
    const { STREAMS_PER_TENANT, STREAMS_PER_USER } = settingsOf(this.env);
    if (seatsOf(this.ctx, userId).length >= STREAMS_PER_USER) {
      return `One user has at most ${STREAMS_PER_USER} streams open.`;
    }
    if (seatsOf(this.ctx).length < STREAMS_PER_TENANT) return null;
    return `One tenant has at most ${STREAMS_PER_TENANT} streams open.`;
  }

  /**
   * Sends everybody what is new. One at a time: what is wanted meanwhile is done once more after it.
   * @returns whether that could be done
   */
  #serve(): Promise<boolean> {
    this.#wanted = true;
    this.#serving ??= this.#serveWhileWanted();
    return this.#serving;
  }

  async #serveWhileWanted(): Promise<boolean> {
    let served: Done<void> = { value: undefined };
    try {
      while (this.#wanted) {
        this.#wanted = false;
        served = await this.#inTenant((ctx) => this.#round(ctx));
      }
    } finally {
      this.#serving = null;
    }
    if (!("error" in served)) return true;
    if (codeOf(served.error) === "tenant-not-found") {
      for (const { socket } of seatsOf(this.ctx)) end(socket, "suspended");
    }
    return false;
  }

  async #round(ctx: TenantCtx): Promise<void> {
    await this.#dismiss(ctx);
    while (true) {
      const seats = seatsOf(this.ctx);
      const hungry = seats.filter(({ viewer }) => !viewer.waits);
      if (hungry.length === 0) return;
      const least = Math.min(...hungry.map(({ viewer }) => viewer.sent));
      const { items, head } = await this.source.pull(ctx, least, PAGE);
      // Those alone that were there before: whoever has come since may rightly be further.
      for (const { socket, viewer } of seats) if (viewer.sent > head) end(socket, "rewound");
      // As they are now: meanwhile some have come, gone or acknowledged.
      deliver(seatsOf(this.ctx), least, items, Date.now());
      if (items.length < PAGE) return;
    }
  }

  /** Closes the sockets of those who may no longer watch. */
  async #dismiss(ctx: TenantCtx): Promise<void> {
    const from = Date.now();
    if (from < this.#believedUntil) return;
    const doubts = this.#doubts;
    const seats = seatsOf(this.ctx);
    const sessions = new Set(seats.map(({ viewer }) => viewer.sessionId));
    const standing = await this.source.standing(ctx, [...sessions]);
    for (const { socket, viewer } of seats) {
      const objection = objectionTo(viewer.sessionId, standing, this.source.permission);
      if (objection) end(socket, objection);
    }
    // Whoever was doubted while the database was being read may have changed after it.
    if (doubts === this.#doubts) this.#believedUntil = from + STANDING_MS;
  }

  #inTenant<T>(work: (ctx: TenantCtx) => Promise<T>): Promise<Done<T>> {
    return inHouse(this.env, this.source.job, this.ctx.storage.kv.get<House>(HOUSE), work);
  }
}

function refusal(code: ProblemCode): Response {
  return new Response(code, { status: PROBLEMS[code].status });
}

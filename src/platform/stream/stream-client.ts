import type { Ctx, SignedIn, TenantCtx } from "../context.ts";
import { sha256Hex } from "../crypto/digest.ts";
import { randomToken } from "../crypto/random.ts";
import type { House } from "../jobs/doorbell.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure, PROBLEMS, type ProblemCode } from "../problems.ts";
import { openingRequest } from "./opening.ts";
import { ticketAmong } from "./protocol.ts";

const KIND = "SIGNAL_STREAM";

/** What telling needs of a context. */
type Telling = Pick<Ctx, "objects" | "log" | "realm">;

/**
 * Makes a ticket that opens one stream as the caller. `rwt_` and 256 random bits: secret scanners know
 * the prefix.
 * @throws Failure `too-many-streams`, `not-ready`
 */
export async function issueTicket(ctx: SignedIn<TenantCtx>): Promise<string> {
  const { id: userId, sessionId } = ctx.principal;
  const ticket = `rwt_${randomToken()}`;
  const hash = await sha256Hex(ticket);
  const house = { id: ctx.realm.id, slug: ctx.realm.slug };
  const full = await asked(
    ctx.objects.ask(KIND, house.id, (stream) => stream.issue({ hash, house, userId, sessionId })),
  );
  if (full) throw new Failure("too-many-streams", full);
  return ticket;
}

/**
 * Opens a stream with what the client has offered as subprotocols.
 * @param after position that it goes on after; null: from now on
 * @returns the client's end
 * @throws Failure `invalid-ticket`, `too-many-streams`, `tenant-suspended`, `permission-denied`,
 * `not-ready`
 */
export async function openStream(
  ctx: TenantCtx,
  offered: readonly string[],
  after: number | null,
): Promise<WebSocket> {
  const ticket = ticketAmong(offered);
  if (ticket === null)
    throw new Failure("invalid-ticket", "Protocol and ticket are to be offered.");
  const hash = await sha256Hex(ticket);
  const response = await asked(
    ctx.objects.connect(KIND, ctx.realm.id, openingRequest({ hash, after })),
  );
  if (response.webSocket) return response.webSocket;
  const code = await response.text();
  if (Object.hasOwn(PROBLEMS, code)) throw new Failure(code as ProblemCode);
  throw new Error(`The stream answers ${response.status}.`);
}

/**
 * Tells a tenant's stream that there is something new. Never fails: where the bell is lost, its object
 * looks for itself within half a minute.
 */
export async function ringStream(ctx: Telling): Promise<void> {
  try {
    await ctx.objects.ask(KIND, ctx.realm.id, (stream) => stream.ring());
  } catch (error) {
    ctx.log.warn("stream not rung", errorFields(error));
  }
}

/**
 * Has a realm's stream look at once who may still watch; to be called after the commit that ended
 * sessions, changed a role or suspended the tenant. Never fails: where the word is lost, nothing is
 * shown to them 5 seconds later, and their sockets are closed within half a minute.
 */
export async function recheckStreams(ctx: Telling, realm: House = ctx.realm): Promise<void> {
  // Nobody watches the platform itself.
  if (realm.slug === null) return;
  try {
    await ctx.objects.ask(KIND, realm.id, (stream) => stream.recheck());
  } catch (error) {
    ctx.log.warn("stream not told to look who may watch", errorFields(error));
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new Failure("not-ready", "The stream does not answer.", { cause });
  }
}

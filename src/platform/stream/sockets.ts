import { CLOSINGS, type Closing, itemMessage, type StreamItem } from "./protocol.ts";
import { hasRoom, told, type Viewer } from "./viewer.ts";

/** One end of a stream, and who is at the other. */
export interface Seat {
  readonly socket: WebSocket;
  readonly viewer: Viewer;
}

/** Who watches now; of one user, if it is named. Those that are being closed no longer do. */
export function seatsOf(ctx: DurableObjectState, userId?: string): Seat[] {
  return ctx
    .getWebSockets(userId)
    .filter(isOpen)
    .map((socket) => ({ socket, viewer: viewerAt(socket) }));
}

export function isOpen({ readyState }: WebSocket): boolean {
  return readyState === WebSocket.READY_STATE_OPEN;
}

export function viewerAt(socket: WebSocket): Viewer {
  return socket.deserializeAttachment() as Viewer;
}

/** The one place where a viewer is written down. */
export function note(socket: WebSocket, viewer: Viewer): void {
  socket.serializeAttachment(viewer);
}

export function end(socket: WebSocket, why: Closing): void {
  const [code, reason] = CLOSINGS[why];
  socket.close(code, reason);
}

/**
 * Sends each seat what it has not been sent yet of a page and has room for. Nothing is awaited, so that
 * items and position go out together or not at all.
 * @param after position that the page follows: whoever is further back would miss what lies between
 */
export function deliver(
  seats: readonly Seat[],
  after: number,
  page: readonly StreamItem[],
  now: number,
): void {
  const messages = page.map((item) => [item.seq, itemMessage(item)] as const);
  for (const { socket, viewer } of seats) {
    if (viewer.sent < after) continue;
    try {
      note(socket, sendRoom(socket, viewer, messages, now));
    } catch {
      // A line that is broken must not keep the others from theirs.
      end(socket, "fault");
    }
  }
}

/** Sends what there is room for. @returns the viewer afterwards */
function sendRoom(
  socket: WebSocket,
  before: Viewer,
  messages: readonly (readonly [number, string])[],
  now: number,
): Viewer {
  let viewer = before;
  for (const [seq, message] of messages) {
    if (seq <= viewer.sent) continue;
    if (!hasRoom(viewer, seq)) return { ...viewer, waits: true };
    socket.send(message);
    viewer = told(viewer, seq, now);
  }
  return viewer;
}

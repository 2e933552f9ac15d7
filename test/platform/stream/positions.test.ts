/** What a stream has sent and what was acknowledged, whatever comes when. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { StreamItem } from "../../../src/platform/stream/protocol.ts";
import { deliver, viewerAt } from "../../../src/platform/stream/sockets.ts";
import {
  acknowledge,
  newViewer,
  type Viewer,
  WINDOW,
} from "../../../src/platform/stream/viewer.ts";
import { holds } from "../../support/property.ts";

const WHO = { userId: "user_1", sessionId: "session_1" };
const item = (seq: number): StreamItem => ({
  seq,
  type: "signal.opened",
  occurredAt: new Date(0),
  data: {},
});

/** A line that keeps what is sent, as the platform's does, and breaks where it is told to. */
function line(viewer: Viewer, breaksAt = Number.POSITIVE_INFINITY) {
  const sent: number[] = [];
  const closed: number[] = [];
  let attachment: unknown = viewer;
  const socket = {
    send(message: string) {
      if (sent.length >= breaksAt) throw new TypeError("The line is broken.");
      sent.push(Number(JSON.parse(message).id));
    },
    close: (code: number) => closed.push(code),
    serializeAttachment(value: unknown) {
      attachment = structuredClone(value);
    },
    deserializeAttachment: () => attachment,
  } as unknown as WebSocket;
  return { socket, sent, closed, seat: () => ({ socket, viewer: viewerAt(socket) }) };
}

/** Positions with gaps, as retention and a restoration leave them. */
const positions = fc
  .array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 400 })
  .map((steps) => {
    let last = 0;
    return steps.map((step) => {
      last += step;
      return last;
    });
  });

/** What happens next: a page from where the seat is, or further back; an acknowledgement. */
const moves = fc.array(
  fc.record({
    acks: fc.boolean(),
    /** Which of the sent ones it acknowledges, as a share. */
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    /** How many items before its own position the page begins. */
    back: fc.nat(30),
    size: fc.integer({ min: 1, max: 100 }),
  }),
  { minLength: 1, maxLength: 120 },
);

it("everything is sent once and in order, and never more than the window ahead", () =>
  holds("stream positions", [positions, moves], (all, steps) => {
    const { sent, seat, socket } = line(newViewer(WHO, 0, 0));
    let now = 0;
    for (const { acks, share, back, size } of steps) {
      now += 1;
      const { viewer } = seat();
      if (acks) {
        const ack = sent[Math.floor(share * (sent.length - 1))] ?? 0;
        const taken = acknowledge(viewer, ack, now);
        expect(taken).not.toBeNull();
        socket.serializeAttachment(taken?.viewer);
        expect(taken?.viewer.acked).toBe(Math.max(viewer.acked, ack));
        continue;
      }
      const from = Math.max(0, all.filter((seq) => seq <= viewer.sent).length - back);
      const page = all.slice(from, from + size).map(item);
      deliver([seat()], all[from - 1] ?? 0, page, now);
      expect(sent).toEqual(all.slice(0, sent.length));
      const { acked } = seat().viewer;
      expect(sent.filter((seq) => seq > acked).length).toBeLessThanOrEqual(WINDOW);
    }
    // Whoever acknowledges to the end gets the rest.
    for (let rounds = 0; sent.length < all.length && rounds <= all.length; rounds++) {
      const taken = acknowledge(seat().viewer, seat().viewer.sent, now);
      socket.serializeAttachment(taken?.viewer);
      expect(seat().viewer.waits).toBe(false);
      deliver([seat()], seat().viewer.sent, all.slice(sent.length).map(item), now);
    }
    expect(sent).toEqual(all);
  }));

it("a page that begins after a seat's position is not for that seat", () => {
  const { sent, seat } = line(newViewer(WHO, 3, 0));
  deliver([seat()], 4, [item(5)], 0);
  expect(sent).toEqual([]);
  deliver([seat()], 3, [item(4), item(5)], 0);
  expect(sent).toEqual([4, 5]);
});

it("a line that breaks keeps the others from nothing", () => {
  const lines = [
    line(newViewer(WHO, 0, 0)),
    line(newViewer(WHO, 0, 0), 1),
    line(newViewer(WHO, 0, 0)),
  ];
  deliver(
    lines.map(({ seat }) => seat()),
    0,
    [1, 2, 3].map(item),
    0,
  );
  expect(lines.map(({ sent }) => sent)).toEqual([[1, 2, 3], [1], [1, 2, 3]]);
  expect(lines.map(({ closed }) => closed)).toEqual([[], [1011], []]);
});

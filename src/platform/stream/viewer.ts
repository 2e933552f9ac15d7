/**
 * Who watches through one socket, and how far. It is kept as the socket's attachment, which outlives
 * the object's memory, and is written in the same turn as what it tells of: so nothing is sent twice
 * and nothing left out when the object is evicted.
 */
export interface Viewer {
  readonly userId: string;
  readonly sessionId: string;
  /** Position of the last item that was sent. */
  readonly sent: number;
  /** Position up to which the client has acknowledged. */
  readonly acked: number;
  /** Since when an acknowledgement is owed, in ms; anew with each that comes. */
  readonly owedSince: number | null;
  /** Whether there was more than fitted into the window. */
  readonly waits: boolean;
}

/** Positions that may be sent ahead of the last acknowledged one: what more there is waits. */
export const WINDOW = 128;

/** A client that owes an acknowledgement for longer is taken for dead, in ms. */
const SILENT_MS = 60_000;

/** Somebody to whom nothing has been sent yet but the position that it starts after. */
export function newViewer(
  who: Pick<Viewer, "userId" | "sessionId">,
  position: number,
  now: number,
): Viewer {
  return { ...who, sent: position, acked: position, owedSince: now, waits: false };
}

/**
 * Whether an item of this position may be sent. Positions may have gaps, so that the window is never
 * more items than {@link WINDOW}; to whoever owes none at least one is sent.
 */
export function hasRoom({ sent, acked }: Viewer, seq: number): boolean {
  return sent === acked || seq - acked <= WINDOW;
}

/** After something was sent that brings the client to this position. */
export function told(viewer: Viewer, position: number, now: number): Viewer {
  return { ...viewer, sent: position, owedSince: viewer.owedSince ?? now };
}

export interface Acknowledged {
  readonly viewer: Viewer;
  /** Whether it acknowledged something that it owed. */
  readonly isNews: boolean;
  /** Whether what waits should be sent now. Half a window at a time: else each item cost a read. */
  readonly reopens: boolean;
}

/** Takes in an acknowledgement, which counts for all before it too; null when that was never sent. */
export function acknowledge(viewer: Viewer, ack: number, now: number): Acknowledged | null {
  if (ack > viewer.sent) return null;
  const settled = ack === viewer.sent;
  const isNews = ack > viewer.acked || (settled && viewer.owedSince !== null);
  if (!isNews) return { viewer, isNews, reopens: false };
  const reopens = viewer.waits && viewer.sent - ack <= WINDOW / 2;
  const next = {
    ...viewer,
    acked: ack,
    owedSince: settled ? null : now,
    waits: viewer.waits && !reopens,
  };
  return { viewer: next, isNews, reopens };
}

/** Whether it has been silent for too long. */
export function isSilent({ owedSince }: Viewer, now: number): boolean {
  return owedSince !== null && now - owedSince > SILENT_MS;
}

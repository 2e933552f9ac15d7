/** Messages that acknowledge nothing new that one socket may send in a second. */
const PER_SECOND = 10;

interface Talk {
  readonly since: number;
  count: number;
}

/**
 * Counts what a socket says in vain. What acknowledges something is not counted: of those there are no
 * more than was sent, and a client that catches up sends many. Kept in memory alone: whoever talks keeps
 * the object awake.
 */
export function createChatter() {
  const talks = new WeakMap<WebSocket, Talk>();
  return {
    /** Counts one more. */
    isTooMuch(socket: WebSocket, now: number): boolean {
      const last = talks.get(socket);
      const talk = last && now - last.since < 1_000 ? last : { since: now, count: 0 };
      talk.count += 1;
      talks.set(socket, talk);
      return talk.count > PER_SECOND;
    },
  };
}

import { createLru } from "./lru.ts";

/** What an isolate remembers of whoever it asks things. Times in ms, of its own clock. */
interface Talk {
  /** When each question was put that is not answered yet. */
  open: number[];
  askedAt: number;
  heardAt: number;
  /** When it last failed to answer; null when it has answered since. */
  failedAt: number | null;
}

/** After a failure, nobody asks for so long, in ms. */
const REST_MS = 1_000;
/** A question that is out for longer than this is in doubt; then one is put in so long, in ms. */
const PATIENCE_MS = 500;
/** Names that are remembered. */
const KEPT = 5_000;

/** Remembers who does not answer, so that waiting for the same silence is for a few and not for all. */
interface Silence {
  /** Whether a question may be put now. If so it counts as put. */
  mayAsk(name: string, now: number): boolean;
  /** Takes in an answer, whosever question it was: what is asked later will be answered too. */
  heard(name: string, now: number): void;
  /** Takes in that a question got none; no word about whoever has answered since it was put. */
  notHeard(name: string, askedAt: number, now: number): void;
}

/**
 * Makes an empty memory.
 * @param longestMs how long a question can be out; one that was cut off is never heard of again
 */
export function createSilence(longestMs: number): Silence {
  const talks = createLru<Talk>(KEPT);
  const talkWith = (name: string): Talk => {
    const talk = talks.get(name) ?? { open: [], askedAt: 0, heardAt: 0, failedAt: null };
    talks.set(name, talk);
    return talk;
  };
  return {
    mayAsk(name, now) {
      const talk = talkWith(name);
      talk.open = talk.open.filter((askedAt) => now - askedAt < longestMs);
      if (!isAskable(talk, now)) return false;
      talk.open.push(now);
      talk.askedAt = now;
      return true;
    },
    heard(name, now) {
      Object.assign(talkWith(name), { open: [], heardAt: now, failedAt: null });
    },
    notHeard(name, askedAt, now) {
      const talk = talkWith(name);
      if (talk.heardAt <= askedAt) Object.assign(talk, { open: [], failedAt: now });
    },
  };
}

/** Whoever is in doubt is asked by one at a time: the question of a caller who has gone ends nowhere. */
function isAskable({ open, askedAt, failedAt }: Talk, now: number): boolean {
  // A clock that was set back makes nobody wait for what is past.
  if (failedAt !== null && failedAt <= now && now - failedAt < REST_MS) return false;
  const isInDoubt = failedAt !== null || open.some((since) => now - since > PATIENCE_MS);
  return !isInDoubt || now - askedAt >= PATIENCE_MS;
}

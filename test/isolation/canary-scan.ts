/** Finds in one tenant's answers what belongs to another. */
import type { Reply } from "../support/client.ts";

/** A mark in names, e-mails, agents and request ids, or an address of the tenant's own network. */
const CANARY = /mark-(\d{3})-[0-9a-f]{8}|198\.18\.(\d{1,3})\.\d{1,3}/gi;
/** What is made once: ids, keys' names, refresh and device tokens, tickets. */
const UNIQUE =
  /\b(?:tenant|user|session|audit|commit|token|service|secret|whevent|event|lease|destination|delivery|actor|signal|rule)_[0-7][0-9a-z]{25}\b|\bwhsec_[\w+/]{43}=|\brw[rdt]_[\w-]{20,}|(?<="(?:kid|x)":")[\w-]{43}/g;

export const markOf = (index: number, salt: string) =>
  `mark-${String(index).padStart(3, "0")}-${salt}`;

/** The numbers of the tenants whose canaries are in a text. */
export function canariesIn(text: string): Set<number> {
  return new Set([...text.matchAll(CANARY)].map(([, mark, address]) => Number(mark ?? address)));
}

export interface Scan {
  /** What of others the answer shows. What the request itself had brought along does not count. */
  leaks(owner: number, reply: Reply, sent: readonly string[]): string[];
  /** The same for any text. */
  leaksIn(owner: number, text: string): string[];
  /** How many different unique values were seen. */
  readonly seen: number;
}

export function createScan(): Scan {
  /** Whose answer showed a unique value first. Two owners of one value are a leak, whoever it was. */
  const owners = new Map<string, number>();
  const leaksIn = (owner: number, text: string) => {
    const foreign = [...canariesIn(text)].filter((index) => index !== owner);
    const shared = (text.match(UNIQUE) ?? []).filter((value) => {
      const first = owners.get(value) ?? owner;
      owners.set(value, first);
      return first !== owner;
    });
    return [...foreign.map((index) => `a canary of tenant ${index}`), ...shared];
  };
  return {
    leaks: (owner, reply, sent) => {
      const headers = [...reply.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      let text = `${headers}\n${reply.text}`;
      for (const value of sent) text = text.replaceAll(value, "").replaceAll(encodeURI(value), "");
      return leaksIn(owner, `${text}\n${decoded(text)}`);
    },
    leaksIn,
    get seen() {
      return owners.size;
    },
  };
}

/** Cursors, bookmarks and tokens are text in base64url. */
function decoded(text: string): string {
  const parts = text.match(/[\w-]{16,}/g) ?? [];
  return parts.map((part) => Buffer.from(part, "base64url").toString("utf8")).join("\n");
}

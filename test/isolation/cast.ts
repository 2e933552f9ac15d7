/** One step of the canary test's walk, and what steps have in common. */
import { expect } from "vitest";
import type { Caller, Reply } from "../support/client.ts";
import { expectProblem, type Home, keep, LISTS, type ListName, type Walk } from "./walk.ts";

/** One step: somebody of `home` does something; `other` is another tenant. */
export interface Cast {
  readonly walk: Walk;
  readonly home: Home;
  readonly other: Home;
  readonly caller: Caller;
  readonly stranger: Caller;
  /** Chosen beforehand, because steps run at once and a seed must give the same walk again. */
  readonly choose: <T>(list: readonly T[]) => T;
}
type Step = (cast: Cast) => Promise<void>;

export type Steps = Readonly<Record<string, Step>>;

export const ok = (reply: Reply, status = 200) => expect(reply.status, reply.text).toBe(status);

/** A page of a list, from its start or from where an earlier page ended. */
export async function listPage(
  { walk, home, caller, choose }: Cast,
  list: ListName,
): Promise<Reply> {
  const cursor = choose(["", ...home.cursors[list]]);
  const path = `${LISTS[list]}?limit=2${cursor && `&cursor=${cursor}`}`;
  const reply = await walk.ask(home, "GET", path, { token: caller.token });
  ok(reply);
  if (reply.json.next_cursor) keep(home.cursors[list], reply.json.next_cursor);
  return reply;
}

export async function refuseCursor(
  { walk, home, caller }: Cast,
  list: ListName,
  cursor: string,
): Promise<void> {
  const path = `${LISTS[list]}?limit=2&cursor=${encodeURIComponent(cursor)}`;
  const reply = await walk.ask(home, "GET", path, { token: caller.token, sent: [cursor] });
  expectProblem(reply, "invalid-cursor");
}

/** Reads with a bookmark, and looks where the database was told to start. */
export async function readFrom(
  { walk, home, caller }: Cast,
  bookmark: string,
  start: string,
): Promise<void> {
  walk.starts(home);
  const reply = await walk.ask(home, "GET", "/auth/me", {
    token: caller.token,
    headers: { "x-d1-bookmark": bookmark },
  });
  expect(reply.json).toMatchObject({ id: caller.id });
  const starts = walk.starts(home).filter((each) => each !== "first-primary");
  expect(starts).toEqual([start]);
}

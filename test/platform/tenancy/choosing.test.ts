/** Which cell a new tenant comes to. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { captureLogs } from "../../support/captured-logs.ts";
import {
  type Caller,
  call,
  newOperator,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
} from "../../support/client.ts";
import { forgetCells, openCell, type TestCell, wronglyHoused } from "../../support/open-cell.ts";
import { REGISTER, registrationOf, times } from "../../support/registration.ts";
import { registryOf } from "../../support/worker.ts";

describe("a new tenant", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  afterEach(async () => {
    await forgetCells();
    expect(await wronglyHoused()).toEqual([]);
  });

  let taken = 0;
  let made = 0;
  /** A cell that nobody lives in, with so many databases claimable. */
  async function cellOf(free: number, region?: "eu" | "us"): Promise<TestCell> {
    const count = Math.max(free, 1);
    const cell = openCell(`cell-${++made}`, {
      from: taken,
      count,
      ...(region ? { region } : {}),
    });
    taken += count;
    await cell.putWith(operator, free);
    return cell;
  }
  const register = (cell: TestCell, slug: string, region?: string): Promise<Reply> =>
    cell.call("POST", REGISTER, { body: registrationOf(slug, region ? { region } : {}) });
  /** Where a registration at this cell's door would go on to; null where it is done. */
  async function leadsTo(cell: TestCell, region?: string): Promise<string | null> {
    const slug = `slug-${++made}`;
    const reply = await register(cell, slug, region);
    if (reply.status === 201) {
      expect(await registryOf(slug)).toMatchObject({ cell: cell.name, region: region ?? null });
      return null;
    }
    expect(problemOf(reply)).toBe("misdirected");
    expect(await registryOf(slug)).toBeNull();
    return reply.headers.get("rowhouse-cell");
  }

  it("stays where it knocks, unless another cell has twice the room", async () => {
    const [small, large] = [await cellOf(4), await cellOf(7)];
    expect(await leadsTo(small)).toBeNull();
    expect(await leadsTo(small), "3 against 7").toBe(large.name);
    expect(await leadsTo(large)).toBeNull();
    expect(await leadsTo(large)).toBeNull();
    expect(await leadsTo(small), "3 against 5").toBeNull();
    expect(await leadsTo(small), "2 against 5").toBe(large.name);
  });

  it("comes to the cell with the most room of those of its region", async () => {
    const home = await cellOf(9);
    const [few, many, american] = [
      await cellOf(2, "eu"),
      await cellOf(5, "eu"),
      await cellOf(3, "us"),
    ];
    expect(await leadsTo(home, "eu")).toBe(many.name);
    expect(await leadsTo(few, "eu")).toBe(many.name);
    expect(await leadsTo(many, "eu")).toBeNull();
    expect(await leadsTo(many, "us")).toBe(american.name);
    expect(await leadsTo(american, "us")).toBeNull();
  });

  it("that asks for no region comes where none is kept, while there is room", async () => {
    const [european, anywhere] = [await cellOf(9, "eu"), await cellOf(1)];
    expect(await leadsTo(european)).toBe(anywhere.name);
    expect(await leadsTo(anywhere)).toBeNull();
    expect(await leadsTo(anywhere), "no room any more").toBe(european.name);
    expect(await leadsTo(european)).toBeNull();
  });

  it("never comes to a closed cell, nor to one of which nothing was tried", async () => {
    const [home, closed, untried] = [await cellOf(1), await cellOf(9), await cellOf(0)];
    await closed.as(operator, "PUT", `/cells/${closed.name}`, { open: false });
    expect(await leadsTo(closed)).toBe(home.name);
    expect(await leadsTo(untried)).toBe(home.name);
    expect(await leadsTo(home)).toBeNull();
    for (const cell of [home, closed, untried]) {
      expect(problemOf(await register(cell, "turned-away"))).toBe("pool-exhausted");
    }
  });

  it("is told which region is full, and which there is none of", async () => {
    const [home, european] = [await cellOf(9), await cellOf(1, "eu")];
    expect(await leadsTo(european, "eu")).toBeNull();
    const full = await register(home, "no-room", "eu");
    expect([full.status, problemOf(full)]).toEqual([503, "pool-exhausted"]);
    expect(full.json.detail).toBe("No free tenant database in the region eu right now.");
    expect(full.headers.get("retry-after")).toBe("60");
    const none = await register(home, "no-such", "us");
    expect([none.status, problemOf(none)]).toEqual([422, "validation-failed"]);
    expect(none.json.errors).toEqual([
      { pointer: "/region", message: "no cell keeps its data in us" },
    ]);
    const odd = await register(home, "no-region", "mars");
    expect(odd.json.errors[0].pointer).toBe("/region");
    for (const slug of ["no-room", "no-such", "no-region"])
      expect(await registryOf(slug)).toBeNull();
  });

  it("that loses the race for the last database is sent on to where there is one", async () => {
    const [here, there] = [await cellOf(2), await cellOf(3)];
    const slugs = times(4, (index) => `racer-${index}`);
    const replies = await Promise.all(slugs.map((slug) => register(here, slug)));
    const sent = slugs.filter((_, index) => replies[index]?.status === 421);
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(2);
    expect(sent).toHaveLength(2);
    const on = await Promise.all(sent.map((slug) => register(there, slug)));
    expect(on.map(({ status }) => status)).toEqual([201, 201]);
  });

  it("of an operator comes the same way, and its region is told to operators", async () => {
    const [home, european] = [await cellOf(5), await cellOf(5, "eu")];
    const body = { ...registrationOf("made-in-eu"), region: "eu" };
    const first = await home.as(operator, "POST", "/tenants", body);
    expect(first.headers.get("rowhouse-cell")).toBe(european.name);
    const { status, json } = await european.as(operator, "POST", "/tenants", body);
    expect(status).toBe(201);
    const read = await call("GET", `${PLATFORM_ORIGIN}/api/v1/tenants/${json.id}`, {
      token: operator.token,
    });
    expect(read.json).toMatchObject({ region: "eu", cell: european.name });
  });

  it("that leaves less than a tenth of a cell free is told to the log", async () => {
    const cell = await cellOf(11);
    const { entries } = await captureLogs(async () => {
      for (const _ of times(11, () => null)) expect(await leadsTo(cell)).toBeNull();
    });
    const low = entries.filter(({ message }) => message === "pool is low");
    expect(low).toMatchObject([
      { level: "warn", cell: cell.name, free: 1, claimable: 11 },
      { level: "warn", cell: cell.name, free: 0, claimable: 11 },
    ]);
  });
});

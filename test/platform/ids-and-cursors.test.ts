import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ctx } from "../../src/platform/context.ts";
import { parseMasterKey } from "../../src/platform/crypto/master-key.ts";
import { id } from "../../src/platform/http/schemas.ts";
import { ID_PREFIXES, ID_SUFFIX, type IdKind, idFrom, newId } from "../../src/platform/ids.ts";
import { type Keyset, type ListRequest, paginate } from "../../src/platform/pagination.ts";
import { Failure } from "../../src/platform/problems.ts";
import { holds } from "../support/property.ts";

const kinds = fc.constantFrom(...(Object.keys(ID_PREFIXES) as IdKind[]));

describe("TypeIDs", () => {
  it("that we make have the form that we ask for, and sort by their time", () =>
    holds("new ids", [kinds], (kind) => {
      const [first, second] = [newId(kind), newId(kind)];
      expect(first).toMatch(new RegExp(`^${ID_PREFIXES[kind]}_${ID_SUFFIX}$`));
      expect(id(kind).safeParse(first).success).toBe(true);
      expect(first).not.toBe(second);
      expect(first.slice(0, -16) <= second.slice(0, -16)).toBe(true);
    }));

  it("of a moment are not below the lowest of it, nor those before it above", () =>
    holds("bounds", [kinds, fc.integer({ min: 1, max: 1e9 })], (kind, ms) => {
      const lowest = (at: number) => idFrom(kind, new Date(at));
      const before = Date.now();
      const made = newId(kind);
      expect(lowest(before - 1) < made).toBe(true);
      expect(made < lowest(Date.now() + 1)).toBe(true);
      expect(id(kind).safeParse(lowest(before)).success).toBe(true);
      expect(lowest(before) < lowest(before + ms)).toBe(true);
    }));

  it("have bounds for every time that can be told", () => {
    const bounds = [-1e15, 0, 1, 31, 32, 1e12, 2 ** 48 - 1, 8.64e15].map((ms) =>
      idFrom("event", new Date(ms)),
    );
    expect(bounds.toSorted()).toEqual(bounds);
    for (const bound of bounds) expect(id("event").safeParse(bound).success).toBe(true);
    expect(bounds[0]).toBe(`event_${"0".repeat(26)}`);
    expect(bounds[3]).toBe(`event_${"0".repeat(9)}z${"0".repeat(16)}`);
    expect(bounds[6]).toBe(`event_7${"z".repeat(9)}${"0".repeat(16)}`);
  });

  it("of another kind are refused", () =>
    holds("foreign ids", [kinds, kinds], (asked, given) => {
      expect(id(asked).safeParse(newId(given)).success).toBe(asked === given);
    }));

  it("with one wrong character are refused", () =>
    holds(
      "spoiled ids",
      [kinds, fc.nat(), fc.constantFrom(..."ilouILOU-_ \n'\"%0123")],
      (kind, at, odd) => {
        const good = newId(kind);
        const place = at % (good.length + 1);
        const longer = good.slice(0, place) + odd + good.slice(place);
        expect(id(kind).safeParse(longer).success).toBe(false);
        expect(id(kind).safeParse(good.slice(0, place) + good.slice(place + 1)).success).toBe(
          place === good.length,
        );
        expect(id(kind).safeParse(good.toUpperCase()).success).toBe(false);
      },
    ));

  it("that would not fit 128 bits are refused", () => {
    expect(id("user").safeParse(`user_8${"0".repeat(25)}`).success).toBe(false);
    expect(id("user").safeParse(`user_7${"z".repeat(25)}`).success).toBe(true);
  });
});

describe("cursors", () => {
  const MASTER_KEY = parseMasterKey("test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
  const ctxOf = (realm: string) =>
    ({ realm: { id: realm }, settings: { MASTER_KEY } }) as unknown as Ctx;
  const tenant = ctxOf("tenant_1");

  /** A list of whole numbers, as a table ordered by its key is. */
  const load = (rows: readonly number[]) => async (after: Keyset | null, count: number) =>
    rows.filter((row) => after === null || row > Number(after[0])).slice(0, count);
  const page = (ctx: Ctx, rows: readonly number[], request: ListRequest) =>
    paginate(ctx, request, load(rows), (row) => [row]);
  const codeOf = (run: Promise<unknown>) =>
    run.then(
      () => "accepted",
      (error: unknown) => (error instanceof Failure ? error.code : String(error)),
    );

  const filters = fc.dictionary(fc.string(), fc.option(fc.string(), { nil: undefined }));
  const lists = fc.record({ list: fc.string(), filters, limit: fc.integer({ min: 1, max: 7 }) });

  it("lead through a list once, without gaps, whatever the page size", () =>
    holds("walk", [fc.nat({ max: 40 }), lists], async (length, request) => {
      const rows = Array.from({ length }, (_, index) => index);
      const seen: number[] = [];
      let cursor: string | undefined;
      do {
        const one = await page(tenant, rows, { ...request, cursor });
        expect(one.items.length).toBeLessThanOrEqual(request.limit);
        seen.push(...one.items);
        cursor = one.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(seen).toEqual(rows);
    }));

  it("do not skip rows that are added or removed meanwhile", () =>
    holds("changing list", [fc.uniqueArray(fc.nat({ max: 60 }), { minLength: 8 })], async (all) => {
      const rows = [...all].sort((a, b) => a - b);
      const first = await page(tenant, rows, { list: "x", filters: {}, limit: 3 });
      const rest = rows.filter((row) => row !== first.items[0] && row !== first.items[2]);
      const second = await page(tenant, rest, {
        list: "x",
        filters: {},
        limit: 100,
        cursor: first.nextCursor ?? "",
      });
      expect(second.items).toEqual(rows.slice(3));
    }));

  const rows = Array.from({ length: 20 }, (_, index) => index);
  const cursorOf = async (ctx: Ctx, request: ListRequest) =>
    (await page(ctx, rows, { ...request, limit: 3 })).nextCursor ?? "";

  it("of another tenant, list or filter are refused, and those of the same are not", () =>
    holds("scopes", [lists, lists, fc.boolean()], async (mine, theirs, sameTenant) => {
      const theirCtx = sameTenant ? tenant : ctxOf("tenant_2");
      const cursor = await cursorOf(theirCtx, theirs);
      const key = ({ list, filters: set }: ListRequest) =>
        JSON.stringify([
          list,
          Object.entries(set)
            .filter(([, v]) => v !== undefined)
            .sort(),
        ]);
      const fits = sameTenant && key(mine) === key(theirs);
      expect(await codeOf(page(tenant, rows, { ...mine, cursor }))).toBe(
        fits ? "accepted" : "invalid-cursor",
      );
      expect(await codeOf(page(theirCtx, rows, { ...theirs, limit: 1, cursor }))).toBe("accepted");
    }));

  it("with one character changed are refused", () =>
    holds("forged", [lists, fc.nat(), fc.string({ minLength: 1 })], async (request, at, put) => {
      const good = await cursorOf(tenant, request);
      const place = at % good.length;
      const forged = good.slice(0, place) + put + good.slice(place + 1);
      if (forged === good) return;
      expect(await codeOf(page(tenant, rows, { ...request, cursor: forged }))).toBe(
        "invalid-cursor",
      );
    }));

  it("of any text are refused, and never throw anything else", () =>
    holds("any text", [fc.string({ unit: "grapheme" })], async (cursor) => {
      expect(await codeOf(page(tenant, rows, { list: "x", filters: {}, limit: 1, cursor }))).toBe(
        "invalid-cursor",
      );
    }));
});

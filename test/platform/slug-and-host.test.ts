import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { doorOf, tenantOrigin } from "../../src/platform/tenancy/host.ts";
import { isReservedSlug, isSlug } from "../../src/platform/tenancy/slug.ts";
import { holds } from "../support/property.ts";

const BASE = "rowhouse.test";
const inner = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789-");
const edge = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789");
const slugs = fc
  .tuple(edge, fc.array(inner, { minLength: 1, maxLength: 38 }), edge)
  .map(([first, middle, last]) => `${first}${middle.join("")}${last}`)
  .filter((slug) => !slug.startsWith("xn--"));
/** A label in any letter case. */
const shouted = (text: string) =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((flags) => [...text].map((c, i) => (flags[i] ? c.toUpperCase() : c)).join(""));

describe("slugs", () => {
  it("of the right form are taken, and are labels of host names as they stand", () =>
    holds("slugs", [slugs], (slug) => {
      expect(isSlug(slug)).toBe(true);
      expect(new URL(`http://${slug}.${BASE}`).hostname).toBe(`${slug}.${BASE}`);
    }));

  it("of any other form are refused", () =>
    holds("no slugs", [fc.string({ unit: "grapheme", maxLength: 50 })], (text) => {
      const right =
        /^[a-z0-9-]{3,40}$/.test(text) && !/^-|-$/.test(text) && !text.startsWith("xn--");
      expect(isSlug(text)).toBe(right);
    }));

  it("with one character that does not belong are refused", () =>
    holds(
      "spoiled slugs",
      [slugs, fc.nat(), fc.constantFrom(..."ABZ_. /\n\0:@%äß０ー")],
      (slug, at, odd) => {
        const place = at % (slug.length + 1);
        expect(isSlug(slug.slice(0, place) + odd + slug.slice(place))).toBe(false);
      },
    ));

  it("are measured exactly", () => {
    expect([2, 3, 40, 41].map((length) => isSlug("a".repeat(length)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(isSlug("xn--abc")).toBe(false);
  });

  it("that the platform keeps have the form of slugs, or could not be asked for", () => {
    for (const kept of ["admin", "www", "api", "mail", "localhost"]) {
      expect(isReservedSlug(kept)).toBe(true);
      expect(isSlug(kept)).toBe(true);
    }
    expect(isReservedSlug("acme")).toBe(false);
  });
});

describe("hosts", () => {
  const labels = slugs.filter((slug) => slug !== "api" && slug !== "www");

  it("below the base domain are tenants' doors, in any case and with a trailing dot", () =>
    holds(
      "tenants' hosts",
      [
        labels.chain((slug) => fc.tuple(fc.constant(slug), shouted(`${slug}.${BASE}`))),
        fc.boolean(),
      ],
      ([slug, host], dot) => {
        expect(doorOf(`${host}${dot ? "." : ""}`, BASE)).toEqual({ kind: "tenant", slug });
      },
    ));

  it("lead back to the slug that their origin was made of, with any port", () =>
    holds("origins", [labels, fc.integer({ min: 1, max: 65_535 })], (slug, port) => {
      const origin = new URL(tenantOrigin(slug, new URL(`https://${BASE}:${port}`)));
      expect(doorOf(origin.hostname, BASE)).toEqual({ kind: "tenant", slug });
    }));

  it("with more than one label below it are nobody's", () =>
    holds("nested hosts", [slugs, slugs], (outer, nested) => {
      expect(doorOf(`${nested}.${outer}.${BASE}`, BASE)).toEqual({ kind: "unknown" });
      expect(doorOf(`${outer}..${BASE}`, BASE)).toEqual({ kind: "unknown" });
      expect(doorOf(`${outer}.${BASE}..`, BASE)).toEqual({ kind: "unknown" });
    }));

  it("that only look like ours are nobody's", () =>
    holds("foreign hosts", [slugs], (slug) => {
      for (const host of [`${slug}${BASE}`, `${slug}.${BASE}.evil.test`, slug, `.${BASE}`, ""]) {
        expect(doorOf(host, BASE)).toEqual({ kind: "unknown" });
      }
    }));

  it("of any text have a door or none, and never throw", () =>
    holds("any host", [fc.string({ unit: "grapheme" })], (text) => {
      const door = doorOf(`${text}.${BASE}`, BASE);
      if (door.kind === "tenant") expect(isSlug(door.slug)).toBe(true);
    }));

  it("of the platform are its own", () => {
    for (const host of [BASE, `api.${BASE}`, `WWW.${BASE}.`, BASE.toUpperCase()]) {
      expect(doorOf(host, BASE)).toEqual({ kind: "platform" });
    }
  });
});

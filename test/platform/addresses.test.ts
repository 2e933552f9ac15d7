import { describe, expect, it } from "vitest";
import { addressAccount, callerLine } from "../../src/platform/limits/addresses.ts";
import { showFigures } from "../support/figures.ts";

describe("whom an address stands for", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["unknown", "unknown"],
    ["", ""],
  ])("%j: %j", (ip, line) => {
    expect(callerLine(ip)).toBe(line);
  });

  it("neighbours of a line are one, and lines are apart", () => {
    const lines = ["2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::1"];
    expect(new Set(lines.map(callerLine)).size).toBe(2);
  });
});

describe("the objects of addresses", () => {
  it("are 64, each with its share, and always the same for one line", ({ task }) => {
    const shares = new Map<string, number>();
    for (let a = 0; a < 64; a++) {
      for (let b = 0; b < 256; b++) {
        const account = addressAccount(`203.0.${a}.${b}`);
        expect(addressAccount(`203.0.${a}.${b}`)).toBe(account);
        expect(account).toMatch(/^addresses:\d+$/);
        shares.set(account, (shares.get(account) ?? 0) + 1);
      }
    }
    const sizes = [...shares.values()];
    showFigures(
      task,
      `  16,384 lines in ${shares.size}: ${Math.min(...sizes)} to ${Math.max(...sizes)}`,
    );
    expect(shares.size).toBe(64);
    // 256 each, were they dealt out.
    expect(Math.max(...sizes)).toBeLessThan(2 * 256);
    expect(Math.min(...sizes)).toBeGreaterThan(256 / 2);
  });
});

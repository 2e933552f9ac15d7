import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  cellCounter,
  fleetFile,
  readEnvironment,
  routerCounter,
} from "../../scripts/lib/deploy/fleet.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "rowhouse-fleet-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const environment = (name: string, more = "", cells = '[{ name = "main", pool = 3 }]') => `
[environments.${name}]
base = "house-${name}"
base_url = "https://${name}.example"
zone = "${name}.example"
home_cell = "main"
cells = ${cells}
${more}`;

function read(text: string, name?: string) {
  const file = join(directory, "fleet.toml");
  writeFileSync(file, text);
  return readEnvironment(name, file);
}

describe("fleet.toml", () => {
  it("of this checkout can be deployed", () => {
    const production = readEnvironment("production", fleetFile({}));
    expect(production.cells.map(({ name }) => name)).toEqual([production.home_cell]);
  });

  it("is chosen from by name, and without one where there is no choice", () => {
    const one = environment("live");
    expect(read(one).base).toBe("house-live");
    const two = one + environment("test", "counters = 2000");
    expect(read(two, "test").base).toBe("house-test");
    expect(() => read(two)).toThrow("Say --env with one of: live, test.");
    expect(() => read(two, "tset")).toThrow("Say --env with one of: live, test.");
  });

  it("numbers the counters of addresses so that no two Workers share one", () => {
    const cells = '[{ name = "main", pool = 3 }, { name = "eu-1", pool = 3, region = "eu" }]';
    const live = read(environment("live", "counters = 500", cells));
    const all = [routerCounter(live), ...live.cells.map((cell) => cellCounter(live, cell))];
    expect(all).toEqual(["500", "501", "502"]);
  });

  it.each([
    [
      "a cell twice",
      environment("live", "", '[{ name = "main", pool = 3 }, { name = "main", pool = 3 }]'),
      "two cells have one name",
    ],
    [
      "a home that is no cell",
      environment("live", "", '[{ name = "eu", pool = 3 }]'),
      "there is no cell main",
    ],
    ["no cell", environment("live", "", "[]"), "environments.live.cells"],
    ["a pool of none", environment("live", "", '[{ name = "main", pool = 0 }]'), "cells.0.pool"],
    [
      "a pool that no Worker can hold",
      environment("live", "", '[{ name = "main", pool = 5001 }]'),
      "cells.0.pool",
    ],
    [
      "a region that there is not",
      environment("live", "", '[{ name = "main", pool = 3, region = "moon" }]'),
      "cells.0.region",
    ],
    [
      "a region and a hint",
      environment("live", "", '[{ name = "main", pool = 3, region = "eu", location = "weur" }]'),
      "means nothing beside a region",
    ],
    ["a misspelled word", environment("live", 'canray = "acme"'), "canray"],
    [
      "a path in the base URL",
      environment("live").replace('live.example"\nzone', 'live.example/api"\nzone'),
      "must be an origin",
    ],
    [
      "a setting that the deploy makes",
      environment("live", "[environments.live.vars]\nVERSION = '1'"),
      "VERSION is set by the deploy",
    ],
    [
      "the secret",
      environment("live", "[environments.live.vars]\nMASTER_KEY = 'k1:x'"),
      "MASTER_KEY is set by the deploy",
    ],
    [
      "counters that overlap",
      environment("live") + environment("test", "counters = 1001"),
      "counters of two environments overlap",
    ],
    [
      "one base twice",
      environment("live") +
        environment("test", "counters = 2000").replace("house-test", "house-live"),
      "two environments have one base",
    ],
  ])("is refused with %s", (_, text, sentence) => {
    expect(() => read(text, "live")).toThrow(sentence);
  });
});

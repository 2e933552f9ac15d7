import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";
import "../../scripts/lib/worker-modules.ts";

type Registry = typeof import("../../src/registry.ts");

// By Node itself, whose hooks know what to make of the Worker's imports.
const { chores, queueJobs, schedules }: Registry = createRequire(import.meta.url)(
  join(ROOT, "src", "registry.ts"),
);

/** Rows of the table below a heading, as cells. */
function rowsBelow(heading: string): string[][] {
  const page = readFileSync(join(ROOT, "docs", "operations.md"), "utf8");
  const [, section = ""] = page.split(`## ${heading}\n`);
  const table = section.split("\n").slice(section.split("\n").findIndex(isRow));
  const rows = table.slice(
    2,
    table.findIndex((line) => !isRow(line)),
  );
  return rows.map((row) => row.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));
}

const isRow = (line: string) => line.startsWith("|");

/** What a cell names, as `area.what`. */
const namesIn = (cell = "") =>
  [...cell.matchAll(/`([a-z]+\.[a-z_*]+)`/g)].map(([, name]) => String(name)).sort();

it("docs/operations.md has every schedule at its cron, and at each round all of its chores", () => {
  const rows = rowsBelow("Crons").map(([cron = "", names, , work]) => {
    return { cron: cron.replaceAll("`", ""), names: namesIn(names), chores: namesIn(work) };
  });
  const told = rows.flatMap(({ cron, names }) => names.map((name) => ({ name, cron })));
  const byName = (one: { name: string }, other: { name: string }) =>
    one.name < other.name ? -1 : 1;
  const known = schedules.map(({ name, cron }) => ({ name, cron }));
  expect(told.sort(byName)).toEqual(known.sort(byName));

  const rounds = rows.filter(({ names }) => names[0]?.startsWith("rounds."));
  expect(rounds).toHaveLength(6);
  for (const { names, chores: told } of rounds) {
    const own = chores.filter(({ rounds }) =>
      rounds.some((round) => `rounds.${round}` === names[0]),
    );
    expect(told, names[0]).toEqual(own.map(({ name }) => name).sort());
  }
});

it("docs/operations.md has every job with the queue that calls for it", () => {
  const rows = rowsBelow("Queues");
  // Jobs of rounds stand there together; a single one is named where its bells have a way of their own.
  const isJob = (name: string) => name === "rounds.*" || !name.startsWith("rounds.");
  const jobsIn = (cell = "") => namesIn(cell).filter(isJob);
  const told = rows.map(([queue = "", , work]) => [queue.replaceAll("`", ""), jobsIn(work)]);
  const known = Map.groupBy(queueJobs, ({ queue }) => `rowhouse-${queue}`);
  const jobsOf = (queue: string) => known.get(queue)?.map(({ name }) => name) ?? [];
  const inShort = (name: string) => name.replace(/^rounds\..*/, "rounds.*");
  expect(known.size).toBe(3);
  expect(Object.fromEntries(told)).toEqual(
    Object.fromEntries(
      [...known.keys()].map((queue) => [queue, [...new Set(jobsOf(queue).map(inShort))].sort()]),
    ),
  );
});

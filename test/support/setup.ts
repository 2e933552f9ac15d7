import { afterAll, afterEach, expect } from "vitest";
import { leaksIn, startLogScan } from "./log-scan.ts";

const scan = startLogScan();

afterEach((context) => {
  if (context.task.result?.state === "fail") scan.showRecent();
});

// Whatever a file tests, none of its log lines may hold a secret.
afterAll(() => {
  expect(leaksIn(scan.lines), "log lines that hold secrets").toEqual([]);
});

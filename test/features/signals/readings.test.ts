/** What a reading of a metric does besides its own signal: rules are held against it at once. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { type RuleHouse, ruleHouse } from "../../support/evaluations.ts";
import { openWorker, wrapAll } from "../../support/worker.ts";

describe("a reading", () => {
  let house: RuleHouse;
  beforeAll(async () => {
    house = await ruleHouse();
  });

  const read = (value: number, env: Partial<Bindings> = {}) =>
    openWorker({ ...house.worker.env, ...env } as Bindings).call(
      "POST",
      `${house.tenant.api}/signals`,
      { token: house.tenant.admin.token, body: { metric: "queue.depth", metric_value: value } },
    );
  const ofRules = async () => {
    const { json } = await house.ask("GET", "/signals?source=rule");
    return json.data.map(({ severity, status }: Record<string, string>) => [severity, status]);
  };
  const rung = () =>
    house
      .sent()
      .map(({ body }) => body.job)
      .filter((job) => job === "signals.evaluate");

  it("opens the signals of its rules, and its recovery resolves them", async () => {
    await house.addRule({
      metric: "queue.depth",
      operator: ">",
      threshold: 100,
      severity: "critical",
    });
    expect((await read(100)).status).toBe(201);
    expect(await ofRules()).toEqual([]);
    expect((await read(101)).status).toBe(200);
    expect(await ofRules()).toEqual([["critical", "open"]]);
    // The samples are everybody's: whoever brought the last one did not open it.
    const { json: audit } = await house.ask("GET", "/audit?action=signal.opened&limit=1");
    expect(audit.data[0]).toMatchObject({
      principal: "job:signals.evaluate",
      private: { source: "rule", severity: "critical", ip: "", user_agent: "" },
    });
    expect((await read(99)).status).toBe(200);
    expect(await ofRules()).toEqual([["critical", "resolved"]]);
    expect(await house.waiting()).toBe(0);
    expect(rung()).toEqual([]);
  });

  it("is taken in even if rules cannot be held against it, which is made up for", async () => {
    const broken = wrapAll(() => async (trip, run) => {
      if (trip.sql.some((sql) => /WITH waiting/.test(sql))) throw new Error("D1_ERROR: no rules.");
      return run();
    });
    const { result, entries } = await captureLogs(() => read(500, broken));
    expect(result.status, result.text).toBe(200);
    expect(result.json.metric_value).toBe(500);
    expect(entries.filter(({ level }) => level === "error")).toEqual([
      expect.objectContaining({
        message: "rules not evaluated",
        error: expect.stringContaining("no rules."),
      }),
    ]);
    expect(await ofRules()).toEqual([["critical", "resolved"]]);
    expect(await house.waiting()).toBe(1);
    expect(rung()).toEqual(["signals.evaluate"]);
    await house.evaluate();
    expect(await ofRules()).toEqual([
      ["critical", "open"],
      ["critical", "resolved"],
    ]);
  });
});

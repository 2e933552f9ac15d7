import { describe, expect, it } from "vitest";
import {
  createLogger,
  errorFields,
  type LoggerOptions,
} from "../../../src/platform/observe/logger.ts";

/** A logger and what it writes. */
function collecting(options: LoggerOptions = {}) {
  const written: { level: string; line: string }[] = [];
  const log = createLogger({ ...options, write: (level, line) => written.push({ level, line }) });
  return { log, lines: () => written.map(({ line }) => JSON.parse(line)), written };
}

describe("the logger", () => {
  it("writes one line of JSON with time, level and message first", () => {
    const { log, written, lines } = collecting();
    log.info("two\nlines", { count: 2, nested: { list: [1, "b"] } });
    expect(written).toHaveLength(1);
    expect(written[0]?.level).toBe("info");
    expect(written[0]?.line).not.toContain("\n");
    expect(Object.keys(lines()[0])).toEqual(["time", "level", "message", "count", "nested"]);
    expect(lines()[0].time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(lines()[0]).toMatchObject({ message: "two\nlines", nested: { list: [1, "b"] } });
  });

  it.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ] as const)("at level %s writes %j", (level, expected) => {
    const { log, written } = collecting({ level });
    for (const name of ["debug", "info", "warn", "error"] as const) log[name](name);
    expect(written.map((each) => each.level)).toEqual(expected);
  });

  it("adds the fields that it was given for all lines, and leaves the first logger alone", () => {
    const { log, lines } = collecting();
    const child = log.with({ request_id: "r" }).with({ tenant: "t" });
    child.warn("child", { status: 500 });
    log.warn("parent");
    expect(lines()[0]).toMatchObject({ request_id: "r", tenant: "t", status: 500 });
    expect(lines()[1]).not.toHaveProperty("request_id");
  });

  it("takes out whatever stands under the name of a secret", () => {
    const { log, lines } = collecting();
    const secrets = {
      password: "a",
      new_password: "b",
      refresh_token: ["c"],
      client_secret: { d: "e" },
      Authorization: "f",
      MASTER_KEY: 7,
      privateJwk: { d: "g" },
    };
    log.info("line", { body: { deep: [secrets] } });
    for (const value of Object.values(lines()[0].body.deep[0])) expect(value).toBe("[redacted]");
  });

  it("leaves nothing there where nothing was", () => {
    const { log, lines } = collecting();
    log.info("line", { password: null, token: undefined });
    expect(lines()[0].password).toBeNull();
    expect(lines()[0]).not.toHaveProperty("token");
  });

  it.each([
    ["a JWT", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"],
    ["an unsigned JWT", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyIn0."],
    ["a refresh token", `rwr_${"a".repeat(43)}`],
    ["a device token", `rwd_${"B-_".repeat(14)}`],
    ["an invitation", `rwi_${"0".repeat(43)}`],
    ["a bearer header", "Bearer some-opaque-text"],
    ["a password hash", "$scrypt$ln=14,r=8,p=5$c2FsdA$aGFzaA"],
    ["a bcrypt hash", "$2b$12$abcdefghijklmnopqrstuv"],
  ])("takes out %s by its shape, wherever it stands", (_, secret) => {
    const { log, written, lines } = collecting();
    log.info("line", { where: `before ${secret} after`, list: [secret] });
    log.error("failed", errorFields(new Error(`could not read ${secret}`)));
    expect(lines()[0].where).toBe("before [redacted] after");
    for (const { line } of written) expect(line).not.toContain(secret);
  });

  it("leaves ordinary words alone", () => {
    const { log, lines } = collecting();
    const words = {
      where: "the bearer of rwr_ and eyJ, $2 paid",
      id: "user_01jdn2z7q5e8t9v0w1x2y3z4a5",
    };
    log.info("line", words);
    expect(lines()[0]).toMatchObject(words);
  });

  it("shows everything when redaction is off", () => {
    const { log, lines } = collecting({ redaction: false });
    log.info("line", { password: "plain", text: "Bearer abc" });
    expect(lines()[0]).toMatchObject({ password: "plain", text: "Bearer abc" });
  });

  it("fails no caller with what JSON cannot say", () => {
    const { log, lines } = collecting();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    log.info("a circle", { circle });
    log.with({ request_id: "r" }).info("a big number", { big: 1n });
    expect(lines()[0]).toMatchObject({ level: "info", message: "a circle" });
    expect(lines()[1]).toMatchObject({ message: "a big number", request_id: "r" });
  });

  it("tells an error with its stack and causes", () => {
    const error = new TypeError("outer", { cause: new Error("inner", { cause: "a text" }) });
    expect(errorFields(error)).toMatchObject({
      error: "TypeError: outer",
      stack: expect.stringContaining("logger.test"),
      cause: { error: "Error: inner", cause: { error: "a text" } },
    });
    expect(errorFields("just text")).toEqual({ error: "just text" });
    expect(errorFields(undefined)).toEqual({ error: "undefined" });
  });
});

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { devVarsFile, ensureDevVars } from "../../scripts/lib/dev-vars.ts";
import { ROOT, stateDirectory } from "../../scripts/lib/paths.ts";
import { readConfig, writeConfig } from "../../scripts/lib/render-config.ts";
import { parseMasterKey } from "../../src/platform/crypto/master-key.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rowhouse-files-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("ensureDevVars", () => {
  it("makes a key that the Worker accepts, for its owner only, and another one each time", () => {
    const keys = ["a", "b"].map((name) => {
      const file = join(directory, name);
      expect(ensureDevVars(file)).toBe(true);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      return /^MASTER_KEY="(.*)"$/m.exec(readFileSync(file, "utf8"))?.[1] ?? "";
    });
    expect(parseMasterKey(keys[0] ?? "").currentKid).toBe("k1");
    expect(keys[0]).not.toBe(keys[1]);
  });

  it("never overwrites", () => {
    const file = join(directory, "vars");
    writeFileSync(file, "mine");
    expect(ensureDevVars(file)).toBe(false);
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  it("does not hide other trouble", () => {
    expect(() => ensureDevVars(join(directory, "missing", "vars"))).toThrow("ENOENT");
  });
});

describe("writeConfig", () => {
  it("writes once, and touches the file again only when something changed", () => {
    const file = join(directory, "deep", "wrangler.jsonc");
    expect(writeConfig(3, file)).toBe(file);
    const before = statSync(file);
    writeConfig(3, file);
    expect(statSync(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
    writeConfig(4, file);
    expect(readFileSync(file, "utf8")).toContain("TENANT_DB_0003");
  });

  it("has the version of package.json, beside the variables that stand in wrangler.toml", () => {
    const text = readFileSync(writeConfig(1, join(directory, "wrangler.jsonc")), "utf8");
    const { vars } = JSON.parse(text.slice(text.indexOf("\n")));
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(vars).toEqual({ ...readConfig().vars, VERSION: version });
  });
});

describe("where things are", () => {
  it("is in the checkout unless the environment says otherwise", () => {
    expect(stateDirectory({})).toBe(join(ROOT, ".rowhouse", "state"));
    expect(stateDirectory({ ROWHOUSE_STATE: "x" })).toBe(join(ROOT, "x"));
    expect(stateDirectory({ ROWHOUSE_STATE: directory })).toBe(directory);
    expect(devVarsFile({})).toBe(join(ROOT, ".dev.vars"));
    expect(devVarsFile({ ROWHOUSE_DEV_VARS: directory })).toBe(directory);
  });
});

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { ROOT } from "../scripts/lib/paths.ts";
import { PERMISSIONS } from "../src/platform/access/permissions.ts";
import { ROUNDS } from "../src/platform/jobs/chores.ts";
import { type Module, parseModule } from "./support/architecture/modules.ts";
import { RULES } from "./support/architecture/rules.ts";

/** Each rule with made-up sources that break it, and one that does not. */
const CASES: Record<keyof typeof RULES, { bad: Sources[]; good: Sources[] }> = {
  layers: {
    bad: [
      { "src/platform/lru.ts": `import { users } from "../features/users/index.ts";` },
      { "src/platform/lru.ts": `export type { User } from "../features/users/index.ts";` },
      { "src/features/a/index.ts": `import { routers } from "../../registry.ts";` },
      { "src/registry.ts": `const entry = await import("./index.ts");` },
      { "src/env.ts": `type App = import("./app.ts").App;` },
    ],
    good: [
      {
        "src/app.ts": `import { routers } from "./registry.ts"; import { x } from "./env.ts";`,
        "src/features/a/a.service.ts": `import { lru } from "../../platform/lru.ts";`,
      },
    ],
  },
  featureFaces: {
    bad: [
      { "src/features/a/a.service.ts": `import { find } from "../b/b.repository.ts";` },
      { "src/features/a/a.service.ts": `import type { Row } from "../b/b.repository.ts";` },
      { "src/features/a/a.repository.ts": `import { b } from "../b/b.tables.ts";` },
      { "src/features/a/a.tables.ts": `import { b } from "../b/b.service.ts";` },
    ],
    good: [
      { "src/features/a/a.service.ts": `import { b } from "../b/index.ts";` },
      { "src/features/a/a.tables.ts": `import { b } from "../b/b.tables.ts";` },
    ],
  },
  featureCircles: {
    bad: [
      {
        "src/features/a/a.service.ts": `import { b } from "../b/index.ts";`,
        "src/features/b/b.service.ts": `import { c } from "../c/index.ts";`,
        "src/features/c/index.ts": `import type { A } from "../a/index.ts";`,
      },
    ],
    good: [
      {
        "src/features/a/a.service.ts": `import { b } from "../b/index.ts";`,
        "src/features/b/b.service.ts": `import { c } from "../c/index.ts";`,
      },
    ],
  },
  featureParts: {
    bad: [
      { "src/features/a/a.repository.ts": `import { list } from "./a.service.ts";` },
      { "src/features/a/a.service.ts": `import { router } from "./a.routes.ts";` },
      { "src/features/a/a.service.ts": `import { Schema } from "./a.schemas.ts";` },
      { "src/features/a/a.routes.ts": `import { find } from "./a.repository.ts";` },
      { "src/features/a/a.service.ts": `import { table } from "./a.tables.ts";` },
      { "src/features/a/helper.ts": `import { table } from "./a.tables.ts";` },
      { "src/features/a/a.tables.ts": `import { find } from "./a.repository.ts";` },
    ],
    good: [
      {
        "src/features/a/a.routes.ts": `import type { Row } from "./a.repository.ts";
          import { list } from "./a.service.ts"; import { Schema } from "./a.schemas.ts";`,
        "src/features/a/a.service.ts": `import { find, type Row } from "./a.repository.ts";
          import type { Schema } from "./a.schemas.ts";`,
        "src/features/a/a.repository.ts": `import { table } from "./a.tables.ts";`,
      },
    ],
  },
  honoPlaces: {
    bad: [
      { "src/features/a/a.service.ts": `import { Hono } from "hono";` },
      { "src/features/a/a.service.ts": `import type { Context } from "hono";` },
      { "src/features/a/a.schemas.ts": `import { OpenAPIHono } from "@hono/zod-openapi";` },
      { "src/platform/jobs/x.ts": `import { cors } from "hono/cors";` },
      { "src/registry.ts": `import { Hono } from "hono";` },
    ],
    good: [
      {
        "src/features/a/a.routes.ts": `import { Hono } from "hono";`,
        "src/features/a/a.schemas.ts": `import { z } from "@hono/zod-openapi";`,
        "src/platform/http/x.ts": `import { cors } from "hono/cors";`,
        "src/platform/limits/x.ts": `import { Hono } from "hono";`,
      },
    ],
  },
  drizzlePlaces: {
    bad: [
      { "src/features/a/a.service.ts": `import { eq } from "drizzle-orm";` },
      { "src/features/a/a.routes.ts": `import type { SQL } from "drizzle-orm/sqlite-core";` },
      { "src/registry.ts": `import "drizzle-orm";` },
    ],
    good: [
      {
        "src/features/a/a.tables.ts": `import { text } from "drizzle-orm/sqlite-core";`,
        "src/features/a/a.repository.ts": `import { eq } from "drizzle-orm";`,
        "src/platform/jobs/x.ts": `import { eq } from "drizzle-orm";`,
      },
    ],
  },
  rawDatabases: {
    bad: [
      { "src/platform/jobs/x.ts": `const db = env.CONTROL_DB;` },
      { "src/platform/jobs/x.ts": `const db = env["TENANT_DB_0001"];` },
      { "src/platform/jobs/x.ts": `const db = env[POOL_PREFIX + 1];` },
      { "src/features/a/a.repository.ts": `function f(db: D1Database) {}` },
      { "src/features/a/a.repository.ts": `await db.prepare("SELECT 1").run();` },
      { "src/features/a/a.repository.ts": `await db?.withSession("first-primary");` },
      { "src/env.ts": `type Pool = { TENANT_DB_0000: D1Result };` },
    ],
    good: [
      {
        "src/env.ts": `interface Bindings { CONTROL_DB: D1Database }`,
        "src/platform/tenancy/pool.ts": `const db: D1Database = env[POOL_PREFIX]; db.prepare("");`,
      },
    ],
  },
  ambientEnv: {
    bad: [
      { "src/features/a/a.service.ts": `import { env } from "cloudflare:workers";` },
      { "src/features/a/a.service.ts": `import * as workers from "cloudflare:workers";` },
      { "src/app.ts": `const { env } = await import("cloudflare:workers");` },
    ],
    good: [
      {
        "src/platform/limits/x.ts": `import { DurableObject } from "cloudflare:workers";`,
        "src/platform/tenancy/x.ts": `import { env } from "cloudflare:workers";`,
      },
    ],
  },
  handleCasts: {
    bad: [
      { "src/features/a/a.service.ts": `const db = {} as TenantDb;` },
      { "src/features/a/a.service.ts": `const db = <ControlDb>thing;` },
      { "src/platform/http/x.ts": `const db = thing as unknown as Db;` },
      { "src/platform/http/x.ts": `const ctx = { db } as { db: RealmDb };` },
    ],
    good: [{ "src/platform/tenancy/database.ts": `const db = {} as unknown as TenantDb;` }],
  },
  tenancyFace: {
    bad: [
      { "src/platform/access/x.ts": `import { commit } from "../tenancy/commit.ts";` },
      { "src/features/a/x.ts": `import type { T } from "../../platform/tenancy/database.ts";` },
    ],
    good: [
      {
        "src/app.ts": `import { commit } from "./platform/tenancy/index.ts";`,
        "src/platform/tenancy/x.ts": `import { commit } from "./commit.ts";`,
      },
    ],
  },
  tablesOnce: {
    bad: [
      {
        "src/features/a/a.tables.ts": `export const a = sqliteTable("users", {});`,
        "src/features/b/b.tables.ts": `export const b = sqliteTable("users", {});`,
      },
    ],
    good: [
      { "src/features/a/a.tables.ts": `const a = sqliteTable("a", {}), b = sqliteTable("b");` },
    ],
  },
  sizes: {
    bad: [{ "src/x.ts": "let a;\n".repeat(251) }, { "test/x.ts": "let a;\n".repeat(451) }],
    good: [{ "src/x.ts": "let a;\n".repeat(250), "test/x.ts": "let a;\n".repeat(450) }],
  },
};

type Sources = Readonly<Record<string, string>>;

const parsed = (sources: Sources): Module[] =>
  Object.entries(sources).map(([file, text]) => parseModule(file, text));

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

const modulesOf = (folder: "src" | "test"): Module[] =>
  globSync(`${folder}/**/*.ts`, { cwd: ROOT })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => !file.endsWith(".d.ts"))
    .sort()
    .map((file) => parseModule(file, read(file)));

const src = modulesOf("src");
const tests = modulesOf("test");

describe("architecture", () => {
  it("reads all sources", () => {
    expect(src.length).toBeGreaterThan(80);
    expect(src.find(({ file }) => file === "src/app.ts")?.imports.length).toBeGreaterThan(5);
  });

  describe.each(Object.keys(RULES) as (keyof typeof RULES)[])("rule %s", (name) => {
    it("finds each offender", () => {
      for (const sources of CASES[name].bad) {
        expect(RULES[name](parsed(sources)), JSON.stringify(sources)).not.toEqual([]);
      }
      for (const sources of CASES[name].good) expect(RULES[name](parsed(sources))).toEqual([]);
    });

    it("is kept", () => {
      expect(RULES[name](name === "sizes" ? [...src, ...tests] : src)).toEqual([]);
    });
  });

  it("every permission is asked for somewhere", () => {
    const used = new Set(
      src.filter(({ file }) => !file.endsWith("/permissions.ts")).flatMap((m) => [...m.strings]),
    );
    expect(Object.keys(PERMISSIONS).filter((name) => !used.has(name))).toEqual([]);
  });

  it("the crons of the registry are those of wrangler.toml, each schedule named once", () => {
    const registry = read("src/registry.ts");
    const crons = [...registry.matchAll(/cron: "([^"]+)"/g)].map(([, cron]) => cron);
    const names = [...registry.matchAll(/name: "([^"]+)"/g)].map(([, name]) => name);
    const { triggers } = parse(read("wrangler.toml")) as { triggers: { crons: string[] } };
    expect(crons.length).toBe(names.length);
    expect(new Set(names).size).toBe(names.length);
    // Those of the rounds stand in a list of their own.
    for (const { cron } of Object.values(ROUNDS)) crons.push(cron);
    expect([...new Set(crons)].sort()).toEqual([...triggers.crons].sort());
    expect(new Set(triggers.crons).size).toBe(triggers.crons.length);
  });
});

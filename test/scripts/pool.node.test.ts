import { dirname, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";
import { poolBindings } from "../../scripts/lib/pool.ts";
import { readConfig, renderConfig } from "../../scripts/lib/render-config.ts";

describe("poolBindings", () => {
  it("numbers the bindings from 0000", () => {
    expect(poolBindings(3)).toEqual(["TENANT_DB_0000", "TENANT_DB_0001", "TENANT_DB_0002"]);
    expect(poolBindings(5_000).at(-1)).toBe("TENANT_DB_4999");
  });

  it.each([0, -1, 1.5, 5_001, Number.NaN])("refuses %d", (size) => {
    expect(() => poolBindings(size)).toThrow(RangeError);
  });
});

describe("renderConfig", () => {
  const source = readConfig();

  it("changes nothing but the pool's size when the file stays where it is", () => {
    const small = source.d1_databases?.filter(({ binding }) => binding.startsWith("TENANT_DB_"));
    expect(small).not.toHaveLength(0);
    expect(renderConfig(source, small?.length ?? 0, ROOT, ROOT)).toEqual(source);
  });

  it("keeps every path pointing where it pointed", () => {
    const to = resolve(ROOT, "somewhere", "else");
    const rendered = renderConfig(source, 20, ROOT, to);
    const there = (path: string | undefined) => resolve(to, path ?? "");
    expect(there(rendered.main)).toBe(resolve(ROOT, source.main ?? ""));
    expect(there(rendered.assets?.directory)).toBe(resolve(ROOT, source.assets?.directory ?? ""));
    const migrations = rendered.d1_databases?.[0]?.migrations_dir as string;
    expect(there(migrations)).toBe(resolve(ROOT, "migrations/control"));
    expect(dirname(there(migrations))).toBe(resolve(ROOT, "migrations"));
  });

  it("gives each database of the pool a name of its own, and keeps the control database", () => {
    const databases = renderConfig(source, 200, ROOT, ROOT).d1_databases ?? [];
    expect(databases).toHaveLength(201);
    expect(databases[0]?.binding).toBe("CONTROL_DB");
    expect(new Set(databases.map(({ database_name }) => database_name)).size).toBe(201);
  });

  it("carries the queues and the crons over", () => {
    const rendered = renderConfig(source, 20, ROOT, resolve(ROOT, "somewhere", "else"));
    expect(rendered.queues).toEqual(source.queues);
    expect(rendered.queues).toHaveProperty("consumers.length", 3);
    expect(rendered.triggers).toEqual(source.triggers);
  });

  it("leaves its input alone", () => {
    const before = structuredClone(source);
    renderConfig(source, 3, ROOT, "/elsewhere");
    expect(source).toEqual(before);
  });
});

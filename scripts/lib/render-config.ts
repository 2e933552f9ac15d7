import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parse } from "smol-toml";
import { GENERATED, ROOT } from "./paths.ts";
import { type D1Entry, isPoolBinding, poolDatabases } from "./pool.ts";

/** The parts of wrangler's configuration that rendering touches; the rest is carried over. */
export interface WranglerConfig {
  main?: string;
  assets?: { directory?: string; [key: string]: unknown };
  d1_databases?: D1Entry[];
  triggers?: { crons?: string[] };
  vars?: Record<string, unknown>;
  [key: string]: unknown;
}

/** Reads the `wrangler.toml` that people edit. */
export function readConfig(file = join(ROOT, "wrangler.toml")): WranglerConfig {
  return parse(readFileSync(file, "utf8")) as WranglerConfig;
}

/** The version that `package.json` says, which is the Worker's. */
export function readVersion(file = join(ROOT, "package.json")): string {
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/**
 * The same configuration with a pool of `size` tenant databases, for a file in another directory.
 *
 * @param from directory that the paths in `config` are relative to
 * @param to directory that the rendered file will stand in
 */
export function renderConfig(
  config: WranglerConfig,
  size: number,
  from: string,
  to: string,
): WranglerConfig {
  const move = (path: string) => toPosix(relative(to, resolve(from, path)));
  const rendered: WranglerConfig = { ...config };

  if (config.main) rendered.main = move(config.main);
  if (config.assets?.directory) {
    rendered.assets = { ...config.assets, directory: move(config.assets.directory) };
  }
  const fixed = (config.d1_databases ?? []).filter((entry) => !isPoolBinding(entry.binding));
  rendered.d1_databases = [
    ...fixed.map((entry) =>
      typeof entry.migrations_dir === "string"
        ? { ...entry, migrations_dir: move(entry.migrations_dir) }
        : entry,
    ),
    ...poolDatabases(size),
  ];
  return rendered;
}

/** Renders `wrangler.toml` with a pool of this size into a generated file and returns that file's path. */
export function writeConfig(
  size: number,
  file = join(GENERATED, `wrangler.${size}.jsonc`),
): string {
  const config = readConfig();
  const versioned = { ...config, vars: { ...config.vars, VERSION: readVersion() } };
  return keepConfig(file, renderConfig(versioned, size, ROOT, dirname(file)));
}

/**
 * Writes a rendered configuration and returns its path.
 *
 * wrangler watches its configuration, so a file that is right already is left untouched: a second
 * `npm start` must not restart the first one.
 */
export function keepConfig(file: string, config: WranglerConfig): string {
  const text = `// Generated from wrangler.toml; edit that file instead.\n${JSON.stringify(config, null, 2)}\n`;
  if (textOf(file) === text) return file;
  mkdirSync(dirname(file), { recursive: true });
  // Renamed into place, so that nobody ever reads half a file.
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text);
  renameSync(draft, file);
  return file;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function toPosix(path: string): string {
  return path.replaceAll("\\", "/");
}

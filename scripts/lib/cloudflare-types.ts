/** Reads calls and their fields out of Cloudflare's client, whose code and types are generated alike. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Fields by name, and whether each is required; those inside of others as `settings.batch_size`. */
export type Fields = Record<string, boolean>;

/** A method of the client. */
export interface Operation {
  // Such as `GET /accounts/*/queues`, with a star for each placeholder.
  readonly call: string;
  /** Name of the type of its parameters; empty where it has none. */
  readonly params: string;
  /** Where a parameter is sent; undefined in the path. */
  placeOf(name: string): "query" | "body" | undefined;
}

const METHOD = /^ {8}(\w+)\((.*)\) \{\n([\s\S]*?)^ {8}\}/gm;
const REQUEST = /this\._client\.(\w+)\((?:\(0, path_1\.path\) )?[`'](.+?)[`']/;

/** All methods that ask the API for something, of the file of code that these types are of. */
export function operationsIn(file: string): Operation[] {
  const types = readFileSync(file, "utf8");
  const code = readFileSync(file.replace(/\.d\.ts$/, ".js"), "utf8");
  return [...code.matchAll(METHOD)].flatMap(([, name = "", args = "", body = ""]) => {
    const [, verb = "", path = ""] = REQUEST.exec(body) ?? [];
    if (!path) return [];
    const isPost = verb === "post" || (verb === "getAPIList" && /method: 'post'/.test(body));
    const method = isPost ? "POST" : verb === "getAPIList" ? "GET" : verb.toUpperCase();
    const signature = new RegExp(`^ {4}${name}\\(.*?\\b(?:params|query|body)\\??: ([\\w.]+)`, "m");
    const taken = /const \{ (.*) \} = params;/.exec(body)?.[1]?.split(", ") ?? [];
    const rest = taken.find((part) => part.startsWith("..."))?.slice(3);
    // Without placeholders all of it is one or the other, and is called so.
    const whole = /\b(query|body)\b/.exec(args)?.[1];
    return {
      call: `${method} ${path.replace(/\$\{\w+\}/g, "*")}`,
      params: signature.exec(types)?.[1] ?? "",
      placeOf: (field: string) => {
        if (path.includes(`\${${field}}`)) return undefined;
        if (field === "body") return "body";
        if (taken.includes(field)) return "query";
        return (rest ?? whole) === "query" ? "query" : "body";
      },
    };
  });
}

/** The fields of a type that a file names, with those of the types in it. */
export function fieldsOf(file: string, name: string, depth = 4): Fields {
  const types = readFileSync(file, "utf8");
  const [module = "", ...rest] = name.split(".");
  const source = new RegExp(`^import \\* as ${module} from "(.+)\\.js";$`, "m").exec(types)?.[1];
  if (source) return fieldsOf(join(dirname(file), `${source}.d.ts`), rest.join("."), depth);
  const [scope, own] = scopeOf(types, name);
  const fields: Fields = {};
  const alternatives = new RegExp(`type ${own} = (.*);`).exec(scope)?.[1];
  if (alternatives) return merged(namesIn(alternatives).map((it) => fieldsOf(file, it, depth)));
  const found = new RegExp(
    `^( *)(?:export (?:declare )?)?interface ${own}(?: extends ([\\w, ]+?))? \\{\\n([\\s\\S]*?)^\\1\\}`,
    "m",
  ).exec(scope);
  if (!found) return {};
  const [, indent = "", parents = "", body = ""] = found;
  // What lists of pages have in common stands in another file.
  if (/Pagination/.test(parents)) Object.assign(fields, { page: false, per_page: false });
  const line = new RegExp(`^${indent} {4}(?:'(.+?)'|(\\w+))(\\?)?: ([\\s\\S]*?);$`, "gm");
  for (const [, quoted, plain, optional, type = ""] of body.matchAll(line)) {
    const field = quoted ?? plain ?? "";
    fields[field] = !optional;
    if (depth === 0) continue;
    const inner = merged(namesIn(type).map((it) => fieldsOf(file, it, depth - 1)));
    for (const [below, isRequired] of Object.entries(inner)) {
      fields[`${field}.${below}`] = isRequired;
    }
  }
  return fields;
}

/** The names of types in an expression; what is no interface of the file has no fields. */
function namesIn(type: string): string[] {
  return [...type.matchAll(/\b[A-Z][\w.]*/g)].map(([name]) => name);
}

/** Fields of either one; required are those that each requires. */
function merged(all: readonly Fields[]): Fields {
  const some = all.filter((fields) => Object.keys(fields).length > 0);
  const names = [...new Set(some.flatMap((fields) => Object.keys(fields)))];
  return Object.fromEntries(names.map((name) => [name, some.every((fields) => fields[name])]));
}

/** The part of a file in which the last part of `A.B.C` is declared, and that last part. */
function scopeOf(types: string, name: string): [string, string] {
  const parts = name.split(".");
  const own = parts.pop() ?? "";
  let scope = types;
  for (const part of parts) {
    const form = new RegExp(
      `^( *)(?:export (?:declare )?)?namespace ${part} \\{\\n([\\s\\S]*?)^\\1\\}`,
      "m",
    );
    scope = form.exec(scope)?.[2] ?? "";
  }
  return [scope, own];
}

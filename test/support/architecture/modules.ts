/** What the architecture rules look at: the sources, parsed. */
import { parseAst } from "vitest/node";

export interface ModuleImport {
  /** Source file for a relative import, `src/platform/lru.ts`; else the specifier as it stands. */
  readonly from: string;
  /** Whether nothing of it is left at run time. */
  readonly typeOnly: boolean;
  /** Names that are imported; `*` for all. */
  readonly names: readonly string[];
}

/** One source file. */
export interface Module {
  /** Path from the checkout, with slashes. */
  readonly file: string;
  readonly lines: number;
  readonly imports: readonly ModuleImport[];
  /** Every identifier, in types too. */
  readonly identifiers: ReadonlySet<string>;
  /** Every string literal. */
  readonly strings: ReadonlySet<string>;
  /** Identifiers inside the types that something is cast to. */
  readonly casts: ReadonlySet<string>;
  /** Calls with a string as first argument: `[callee, string]`, such as `["sqliteTable", "users"]`. */
  readonly namedCalls: readonly (readonly [string, string])[];
  /** Names of methods that are called: `b` of `a.b()`. */
  readonly methods: ReadonlySet<string>;
}

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Parses one file. The file need not exist, so that rules can be tried on made-up sources. */
export function parseModule(file: string, text: string): Module {
  const imports: ModuleImport[] = [];
  const identifiers = new Set<string>();
  const strings = new Set<string>();
  const casts = new Set<string>();
  const namedCalls: [string, string][] = [];
  const methods = new Set<string>();

  const addImport = (source: unknown, typeOnly: boolean, names: readonly string[]) => {
    const specifier = (source as Node | null)?.value;
    if (typeof specifier === "string") {
      imports.push({ from: resolve(file, specifier), typeOnly, names });
    }
  };

  walk(parseAst(text, { lang: "ts" }) as unknown as Node, (node) => {
    switch (node.type) {
      case "ImportDeclaration":
      case "ExportNamedDeclaration":
      case "ExportAllDeclaration": {
        const specifiers = (node.specifiers ?? []) as readonly Node[];
        const kind = node.importKind ?? node.exportKind;
        const typeOnly =
          kind === "type" || (specifiers.length > 0 && specifiers.every(isTypeSpecifier));
        addImport(node.source, typeOnly, specifiers.length ? specifiers.map(nameOf) : ["*"]);
        break;
      }
      case "ImportExpression":
        addImport(node.source, false, ["*"]);
        break;
      case "TSImportType":
        addImport(node.source ?? node.argument, true, ["*"]);
        break;
      case "Identifier":
        identifiers.add(node.name as string);
        break;
      case "Literal":
        if (typeof node.value === "string") strings.add(node.value);
        break;
      case "TSAsExpression":
      case "TSTypeAssertion":
        walk(node.typeAnnotation as Node, (part) => {
          if (part.type === "Identifier") casts.add(part.name as string);
        });
        break;
      case "CallExpression": {
        const callee = node.callee as Node;
        const first = (node.arguments as readonly Node[])[0];
        if (callee.type === "MemberExpression") methods.add(nameOf({ ...callee, type: "" }));
        if (callee.type === "Identifier" && typeof first?.value === "string") {
          namedCalls.push([callee.name as string, first.value]);
        }
        break;
      }
    }
  });
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  return { file, lines, imports, identifiers, strings, casts, namedCalls, methods };
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === "object" && "type" in child) walk(child, visit);
    }
  }
}

function isTypeSpecifier(specifier: Node): boolean {
  return specifier.importKind === "type" || specifier.exportKind === "type";
}

/** The name that a specifier or a member expression is about. */
function nameOf(node: Node): string {
  const about = (node.imported ?? node.local ?? node.property) as Node | undefined;
  if (node.type === "ImportDefaultSpecifier") return "default";
  if (node.type === "ImportNamespaceSpecifier" || !about) return "*";
  return String(about.name ?? about.value);
}

/** A relative specifier as a path from the checkout. */
function resolve(file: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  const parts = file.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

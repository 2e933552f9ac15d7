/** Tokens that a statement's end may hide in, or that say where it is. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|;|[A-Za-z_]+|\s+|[^A-Za-z_\s]/g;

/** The statements of an SQL text; a trigger's body is part of its statement. */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let statement = "";
  let words = "";
  let depth = 0;
  for (const [token] of sql.matchAll(TOKEN)) {
    const isWord = /^[A-Za-z_]+$/.test(token);
    if (isWord) words = `${words} ${token.toUpperCase()}`.trimStart();
    if (isWord && /^CREATE (TEMP |TEMPORARY )?TRIGGER/.test(words)) {
      if (/^(begin|case)$/i.test(token)) depth += 1;
      if (/^end$/i.test(token)) depth -= 1;
    }
    if (token !== ";" || depth > 0) {
      statement += token;
      continue;
    }
    if (words !== "") statements.push(statement.trim());
    statement = "";
    words = "";
  }
  if (words !== "") statements.push(statement.trim());
  return statements;
}

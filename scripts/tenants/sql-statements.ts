/** A statement of SQL, as far as it has to be understood. */
export interface Statement {
  readonly text: string;
  /** Whether it may change rows. */
  readonly writes: boolean;
}

/**
 * SQLite's tokens, as far as they hold semicolons or names: comments, strings and quoted names (each
 * quote inside doubled), words, and any other character. One that is not closed ends with the text.
 */
const TOKENS =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[\p{L}_][\p{L}\p{N}_$]*|[^\p{L}_]/gu;

const READS = ["SELECT", "VALUES", "EXPLAIN", "PRAGMA"];
const WRITES = ["INSERT", "UPDATE", "DELETE", "REPLACE"];
/** What may be asked of the database itself; the others change how it works. */
const PRAGMAS = [
  "TABLE_INFO",
  "TABLE_XINFO",
  "TABLE_LIST",
  "INDEX_LIST",
  "INDEX_INFO",
  "FOREIGN_KEY_LIST",
  "FOREIGN_KEY_CHECK",
  "QUICK_CHECK",
];
/** What says who did what, and is written by nobody else. */
const LOG = ["AUDIT_LOG", "AUDIT_PRIVATE", "AUDIT_SUMS", "COMMIT_MARKS"];

/**
 * Splits SQL into its statements, and lets through what an audit row can stand beside, in one
 * transaction: reading and changing rows. The schema belongs to the migrations.
 *
 * @throws Error for a person, naming the first statement that is refused
 */
export function statementsIn(sql: string): Statement[] {
  const statements: Statement[] = [];
  let text = "";
  let words: string[] = [];
  const end = () => {
    if (words.length > 0) statements.push(checked(text.trim(), words));
    [text, words] = ["", []];
  };
  for (const [token] of sql.matchAll(TOKENS)) {
    if (token === ";") {
      end();
      continue;
    }
    if (/^(--|\/\*)/.test(token)) {
      text += " ";
      continue;
    }
    if (/^['"`[]/.test(token)) requireClosed(token);
    text += token;
    if (token.trim() !== "") words.push(bare(token));
  }
  end();
  if (statements.length === 0) throw new Error("There is no statement.");
  return statements;
}

/** A word without its quotes, in capitals, as SQLite compares names. */
function bare(token: string): string {
  const unquoted = /^['"`[]/.test(token) ? token.slice(1, -1) : token;
  return unquoted.toUpperCase();
}

function requireClosed(token: string): void {
  const close = token.startsWith("[") ? "]" : token.charAt(0);
  if (token.length < 2 || !token.endsWith(close))
    throw new Error(`A quote is not closed: ${token}`);
}

function checked(text: string, words: readonly string[]): Statement {
  const [first = "", second = ""] = words;
  const changes = (word: string, index: number) =>
    word === "REPLACE" ? index === 0 || words[index + 1] === "INTO" : WRITES.includes(word);
  const writes = !READS.includes(first) && words.some(changes);
  if (
    first === "PRAGMA" ? !isAsked(second, words) : ![...READS, ...WRITES, "WITH"].includes(first)
  ) {
    throw new Error(
      `Only rows are read and changed here, so this is refused: ${text.slice(0, 80)}`,
    );
  }
  const log = writes ? words.find((word) => LOG.includes(word)) : undefined;
  if (log) throw new Error(`${log.toLowerCase()} is written by nobody: ${text.slice(0, 80)}`);
  return { text, writes };
}

function isAsked(name: string, words: readonly string[]): boolean {
  return PRAGMAS.includes(name) && !words.includes("=");
}

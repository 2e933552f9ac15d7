import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";

/** Where a command reads and writes. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean };
  /** For results alone, so that they can be piped on. */
  readonly output: Writable;
  /** For a person: progress and questions. */
  readonly errors: Writable & { readonly isTTY?: boolean };
}

/** The terminal that the program was started from. */
export const processTerminal: Terminal = {
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
};

/** How far long work is. */
export interface Progress {
  /** @param total how much there is, where that is known */
  to(done: number, total?: number): void;
  end(): void;
}

/** What is told, to a person or to a program. */
export interface Output {
  readonly isJson: boolean;
  /** A line for a person. */
  say(line: string): void;
  /** A result: `text` for a person, one line of JSON for a program. */
  show(value: unknown, text: string): void;
  progress(label: string): Progress;
}

/** One line of JSON for each result, and nothing else. */
export function jsonOutput({ output }: Terminal): Output {
  return {
    isJson: true,
    say: () => {},
    show: (value) => output.write(`${JSON.stringify(value)}\n`),
    progress: () => ({ to: () => {}, end: () => {} }),
  };
}

/** Text, with a bar that moves on a terminal and plain lines elsewhere. */
export function textOutput({ output, errors }: Terminal): Output {
  return {
    isJson: false,
    say: (line) => output.write(`${line}\n`),
    show: (_, text) => output.write(`${text}\n`),
    progress: (label) => (errors.isTTY ? bar(label, errors) : lines(label, errors)),
  };
}

/** Cells of a bar. */
const WIDTH = 30;

function bar(label: string, errors: Writable): Progress {
  const draw = (text: string) => errors.write(`\r\u001b[2K${text}`);
  return {
    to(done, total) {
      if (total === undefined) return void draw(`${label}: ${grouped(done)}`);
      const filled = total === 0 ? WIDTH : Math.floor((WIDTH * done) / total);
      const cells = "█".repeat(filled) + "░".repeat(WIDTH - filled);
      draw(`${label} ${cells} ${grouped(done)} of ${grouped(total)}`);
    },
    end: () => void draw(""),
  };
}

/** A line for each tenth, so that a log of CI stays short. */
function lines(label: string, errors: Writable): Progress {
  let told = -1;
  return {
    to(done, total) {
      if (total === undefined) return;
      const tenth = total === 0 ? 10 : Math.floor((10 * done) / total);
      if (tenth > told) errors.write(`${label}: ${grouped(done)} of ${grouped(total)}\n`);
      told = Math.max(told, tenth);
    },
    end: () => {},
  };
}

const grouped = (count: number) => count.toLocaleString("en");

/** Whether there is somebody to ask. */
export function canAsk({ input, errors }: Terminal): boolean {
  return input.isTTY === true && errors.isTTY === true;
}

/** Asks a person. @returns the answer without blanks around it; empty when there was none */
export async function ask({ input, errors }: Terminal, question: string): Promise<string> {
  const reader = createInterface({ input, output: errors });
  const gone = new Promise<string>((resolve) => reader.once("close", () => resolve("")));
  try {
    return (await Promise.race([reader.question(question), gone])).trim();
  } finally {
    reader.close();
  }
}

/** Rows as a table, each column as wide as its widest cell. */
export function table(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [columns, ...rows.map((row) => row.map(cellOf))];
  const widths = columns.map((_, index) =>
    Math.max(...cells.map((row) => row[index]?.length ?? 0)),
  );
  return cells
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A value on one line: what a tenant has stored must not steer the terminal. */
export function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "-";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Reads the tour of a Markdown page: the commands that a reader pastes, and what they should see. */

/** Commands, and the output that the page shows for them, if it shows one. */
export interface TourBlock {
  /** Line of the page that the commands begin on, counted from 1. */
  line: number;
  bash: string;
  shown?: { language: "text" | "json"; content: string };
}

interface Fence {
  line: number;
  language: string;
  content: string;
}

const START = "<!-- tour:start -->";
const END = "<!-- tour:end -->";

/**
 * The blocks between the tour's markers, in order. A `text` or `json` block belongs to the `bash`
 * block before it.
 *
 * @throws Error naming the line, for everything that would make the runner skip something: no tour,
 * markers without a partner, a language that it does not know, output without commands
 */
export function extractTour(markdown: string): TourBlock[] {
  const blocks: TourBlock[] = [];
  for (const { line, language, content } of fencesInTour(markdown.split(/\r?\n/))) {
    const last = blocks.at(-1);
    if (language === "bash") {
      blocks.push({ line, bash: content });
    } else if (language !== "text" && language !== "json") {
      throw new Error(`Line ${line}: a tour has bash, text and json blocks, not "${language}".`);
    } else if (!last || last.shown) {
      throw new Error(`Line ${line}: there is no bash block that this output belongs to.`);
    } else {
      last.shown = { language, content };
    }
  }
  if (blocks.length === 0) throw new Error("The page has no tour, or its tour has no bash block.");
  return blocks;
}

function fencesInTour(lines: readonly string[]): Fence[] {
  const fences: Fence[] = [];
  let inside = false;
  let open: (Fence & { mark: string; indent: string; body: string[] }) | undefined;
  lines.forEach((text, index) => {
    const line = index + 1;
    if (open) {
      const closing = /^\s*(`{3,}|~{3,})\s*$/.exec(text)?.[1];
      if (closing?.startsWith(open.mark)) {
        if (inside) fences.push({ ...open, content: open.body.join("\n") });
        open = undefined;
      } else {
        open.body.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
      }
      return;
    }
    const opening = /^(\s*)(`{3,}|~{3,})\s*(\S*)/.exec(text);
    if (opening) {
      const [, indent = "", mark = "", language = ""] = opening;
      open = { line: line + 1, language, content: "", mark, indent, body: [] };
    } else if (text.trim() === START || text.trim() === END) {
      if (inside === (text.trim() === START)) throw new Error(`Line ${line}: marker out of order.`);
      inside = !inside;
    }
  });
  if (open) throw new Error(`Line ${open.line - 1}: the block is never closed.`);
  if (inside) throw new Error(`"${START}" has no "${END}".`);
  return fences;
}

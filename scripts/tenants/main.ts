import { UsageError } from "./command.ts";
import { commandOf, help } from "./commands.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Does what the arguments say, and tells a person what went wrong: a sentence, never a stack.
 *
 * @returns the exit status: 0 when it is done, 1 when it failed, 2 when it was not told rightly what to do
 */
export async function main(
  [name = "help", ...args]: readonly string[],
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  try {
    if (["help", "--help", "-h"].includes(name)) {
      terminal.output.write(`${help(args[0])}\n`);
      return 0;
    }
    return await commandOf(name).run(args, terminal, env);
  } catch (error) {
    terminal.errors.write(`${sentenceOf(error as NodeJS.ErrnoException)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** What went wrong, and what helps where that is known. */
function sentenceOf({ message, code, path }: NodeJS.ErrnoException): string {
  if (code === "ENOENT" && path !== undefined) return `There is no ${path}.`;
  if (code !== "ECONNREFUSED") return message;
  return `${message}\nROWHOUSE_URL names where Rowhouse is; \`npm start\` starts it on this machine.`;
}

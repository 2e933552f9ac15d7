import { UsageError } from "./command.ts";
import { COMMANDS, help } from "./commands.ts";
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
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!command) throw new UsageError(`There is no command "${name}".\n\n${help()}`);
    return await command.run(args, terminal, env);
  } catch (error) {
    terminal.errors.write(`${(error as Error).message}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

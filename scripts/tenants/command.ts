import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { type OperatorsApi, operatorsApi } from "../lib/operators-api.ts";
import { jsonOutput, type Output, type Terminal, textOutput } from "./terminal.ts";

/** It was not told rightly what to do. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** One thing that the command line can do. */
export interface Command {
  /** Its arguments and options, as `help` shows them. */
  readonly usage: string;
  readonly summary: string;
  /**
   * @returns the exit status
   * @throws UsageError when the arguments make no sense
   */
  run(args: readonly string[], terminal: Terminal, env: NodeJS.ProcessEnv): Promise<number>;
}

type Flags<O extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: O }>
>["values"];

/** What a command is given. */
export interface Call<O extends ParseArgsOptionsConfig, W extends string> {
  /** Arguments by their names in the usage; empty for one that was left out. */
  readonly words: Readonly<Record<W, string>>;
  readonly flags: Flags<O>;
  readonly terminal: Terminal;
  /** Where results go. */
  readonly output: Output;
  readonly env: NodeJS.ProcessEnv;
  /** @throws Error for a person, when a setting is wrong or missing */
  api(): OperatorsApi;
}

export interface Definition<O extends ParseArgsOptionsConfig, W extends string> {
  readonly usage: string;
  readonly summary: string;
  /** Arguments that it takes; the last may be left out where `lastIsOptional`. */
  readonly words: readonly W[];
  readonly lastIsOptional?: true;
  readonly options: O;
  /** @returns the exit status, 0 by default */
  run(call: Call<O, W>): Promise<number | undefined>;
}

const JSON_FLAG = { json: { type: "boolean" } } as const;

/** Makes a command; `--json` is everybody's. */
export function command<const O extends ParseArgsOptionsConfig, const W extends string>(
  definition: Definition<O, W>,
): Command {
  const { usage, summary, words: names, lastIsOptional, options, run } = definition;
  const least = names.length - (lastIsOptional ? 1 : 0);
  const wrong = (why: string) => new UsageError(`${why}\nUsage: npm run tenants -- ${usage}`);
  return {
    usage: `${usage} [--json]`,
    summary,
    async run(args, terminal, env) {
      const { values, positionals } = parsed(args, { ...options, ...JSON_FLAG }, wrong);
      if (positionals.length < least || positionals.length > names.length) {
        throw wrong(`It takes ${told(names)}.`);
      }
      const words = Object.fromEntries(
        names.map((name, index) => [name, positionals[index] ?? ""]),
      );
      const output = values.json ? jsonOutput(terminal) : textOutput(terminal);
      let api: OperatorsApi | undefined;
      try {
        const status = await run({
          words: words as Record<W, string>,
          flags: values as Flags<O>,
          terminal,
          output,
          env,
          api: () => {
            api ??= operatorsApi(env);
            return api;
          },
        });
        return status ?? 0;
      } catch (error) {
        throw error instanceof UsageError ? wrong(error.message) : error;
      } finally {
        await api?.close();
      }
    },
  };
}

function parsed(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
  wrong: (why: string) => UsageError,
) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw wrong((error as Error).message.replace(/\. To specify a positional.*/s, "."));
  }
}

function told(names: readonly string[]): string {
  return names.length === 0 ? "no arguments" : names.join(" and ");
}

import { Failure } from "../problems.ts";

/** What kind of fault an error is, in a word that holds nobody's data: operators read it. */
export function faultKind(error: unknown): string {
  if (error instanceof ChoresFailed) return faultKind(error.errors.at(-1));
  if (error instanceof Failure) return error.code;
  return error instanceof Error ? error.name : "unknown";
}

/** Some of a visit's chores have failed; the others were done. */
export class ChoresFailed extends AggregateError {
  readonly chores: readonly string[];

  constructor(failures: readonly { readonly chore: string; readonly error: unknown }[]) {
    const chores = failures.map(({ chore }) => chore);
    super(
      failures.map(({ error }) => error),
      `Chores failed: ${chores.join(", ")}`,
    );
    this.name = "ChoresFailed";
    this.chores = chores;
  }
}

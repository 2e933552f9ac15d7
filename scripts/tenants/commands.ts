import { type Command, UsageError } from "./command.ts";
import { create } from "./create.ts";
import { exec } from "./exec.ts";
import { exportTenant } from "./export.ts";
import { importTenant } from "./import.ts";
import { list } from "./list.ts";
import { migrate } from "./migrate.ts";
import { move } from "./move.ts";
import { purge } from "./purge.ts";
import { show } from "./show.ts";
import { activate, deactivate, suspend } from "./states.ts";

/** All commands by name, in the order in which a tenant meets them. */
const COMMANDS: Readonly<Record<string, Command>> = {
  list,
  create,
  show,
  suspend,
  activate,
  deactivate,
  export: exportTenant,
  import: importTenant,
  move,
  migrate,
  purge,
  exec,
};

/** @throws UsageError when there is none of this name */
export function commandOf(name: string): Command {
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!found) throw new UsageError(`There is no command "${name}".\n\n${help()}`);
  return found;
}

/** What there is, or what one command takes. @throws UsageError when there is none of this name */
export function help(name?: string): string {
  if (name !== undefined) {
    const { usage, summary } = commandOf(name);
    return `npm run tenants -- ${usage}\n\n${summary}.`;
  }
  const lines = Object.values(COMMANDS).map(({ usage, summary }) => `  ${usage}\n      ${summary}`);
  return [
    "npm run tenants -- COMMAND",
    ...lines,
    "Where: ROWHOUSE_URL, http://localhost:8787 by default. Who: ROWHOUSE_OPERATOR_EMAIL and",
    "ROWHOUSE_OPERATOR_PASSWORD, on this machine the demo's operator by default.",
  ].join("\n");
}

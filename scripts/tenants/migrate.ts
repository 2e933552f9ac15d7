import { setTimeout as pause } from "node:timers/promises";
import type { OperatorsApi } from "../lib/operators-api.ts";
import { command, UsageError } from "./command.ts";
import { type Output, table } from "./terminal.ts";

/** How often it is looked how far the run is, in ms. */
const LOOK_MS = 1_000;

interface Run {
  readonly id: string;
  readonly state: "canary" | "fleet" | "halted" | "done";
  readonly schema_version: number;
  readonly canary: string | null;
}

interface RunDetails extends Run {
  readonly totals: { readonly pending: number; readonly done: number; readonly failed: number };
  readonly failures: readonly {
    readonly slug: string;
    readonly cell: string;
    readonly error: string;
    readonly tries: number;
  }[];
}

export const migrate = command({
  usage: "migrate [--canary SLUG] [--concurrency N] | migrate --resume [RUN]",
  summary:
    "All tenants to this release's schema; ends with 1 where one failed, --resume tries again",
  words: ["RUN"],
  lastIsOptional: true,
  options: {
    canary: { type: "string" },
    concurrency: { type: "string" },
    resume: { type: "boolean" },
  },
  async run({ words, flags, output, api }) {
    const { canary, concurrency, resume } = flags;
    if (words.RUN && !resume) throw new UsageError("A run is named to be resumed: --resume.");
    if (resume && (canary !== undefined || concurrency !== undefined)) {
      throw new UsageError("A run that is resumed keeps its canary and its concurrency.");
    }
    if (concurrency !== undefined && !/^\d{1,3}$/.test(concurrency)) {
      throw new UsageError("--concurrency is a whole number.");
    }
    const body = {
      ...(canary === undefined ? {} : { canary }),
      ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
    };
    const begun = resume
      ? await resumed(api(), words.RUN)
      : await api().call<Run>({ method: "POST", path: "/migrations", body });
    const run = await watched(api(), begun, output);
    output.show(run, textOf(run));
    return run.state === "halted" || run.totals.failed > 0 ? 1 : 0;
  },
});

/** The run of this id, or the latest: one that is under way is watched, one that has ended tries its failed tenants again. */
async function resumed(api: OperatorsApi, id: string): Promise<Run> {
  const run = await api.call<RunDetails>({ path: `/migrations/${id || (await latest(api))}` });
  const hasEnded = run.state === "halted" || run.state === "done";
  if (!hasEnded || run.totals.failed === 0) return run;
  return api.call<Run>({ method: "POST", path: `/migrations/${run.id}/resume` });
}

async function latest(api: OperatorsApi): Promise<string> {
  const { data } = await api.call<{ data: readonly Run[] }>({ path: "/migrations?limit=1" });
  if (!data[0]) throw new Error("There is no migration to resume.");
  return data[0].id;
}

/** Looks until it has ended. The run needs nobody who looks. */
async function watched(api: OperatorsApi, { id }: Run, output: Output): Promise<RunDetails> {
  const progress = output.progress("Migrated");
  while (true) {
    const run = await api.call<RunDetails>({ path: `/migrations/${id}` });
    const { pending, done, failed } = run.totals;
    progress.to(done + failed, pending + done + failed);
    if (run.state === "done" || run.state === "halted") {
      progress.end();
      return run;
    }
    await pause(LOOK_MS);
  }
}

function textOf({ id, state, canary, schema_version, totals, failures }: RunDetails): string {
  const { pending, done, failed } = totals;
  if (pending + done + failed === 0) return `Nobody is behind schema ${schema_version}.`;
  const isCancelled = failures.some(({ error }) => error === "cancelled");
  const said = isCancelled
    ? `${id} was cancelled: ${done} tenants at schema ${schema_version}, ${failed} not done.`
    : state === "halted"
      ? `${id} stopped at its canary ${canary}; ${pending} tenants were not touched.`
      : `${id}: ${done} tenants at schema ${schema_version}, ${failed} failed.`;
  if (failures.length === 0) return said;
  const rows = failures.map(({ slug, cell, error, tries }) => [slug, cell, error, tries]);
  return `${said}\n\n${table(["SLUG", "CELL", "ERROR", "TRIES"], rows)}`;
}

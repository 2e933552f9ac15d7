declare module "vitest" {
  interface TaskMeta {
    /** Lines that the run shows when it ends, whether or not the test passed. */
    figures?: string[];
  }
}

/** Has the run print what a test counted. What a test logs is shown only when it fails. */
export function showFigures(task: { meta: { figures?: string[] } }, ...lines: string[]): void {
  task.meta.figures = [...(task.meta.figures ?? []), ...lines];
}

import type { Reporter, TestModule } from "vitest/node";

/** Prints what tests have counted: see `showFigures`. */
export class FiguresReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { figures } = test.meta() as { figures?: string[] };
        if (figures) console.log(`\n${test.fullName}\n${figures.join("\n")}`);
      }
    }
  }
}

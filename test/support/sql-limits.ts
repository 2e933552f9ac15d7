/** The most arguments that a statement gives to one function, or columns that it lists elsewhere. */
export function mostArguments(sql: string): number {
  const open: { readonly isCall: boolean; commas: number }[] = [];
  let most = 0;
  const text = sql.replaceAll(/'[^']*'/g, "''");
  for (const [at, letter] of [...text].entries()) {
    const innermost = open.at(-1);
    if (letter === "(") open.push({ isCall: /\b\w+$/.test(text.slice(0, at)), commas: 0 });
    if (letter === "," && innermost) innermost.commas += 1;
    if (letter !== ")") continue;
    const { isCall, commas } = open.pop() ?? { isCall: false, commas: 0 };
    if (isCall) most = Math.max(most, commas + 1);
  }
  return most;
}

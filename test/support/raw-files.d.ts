/** vitest imports a file as text when asked for it. */
declare module "*?raw" {
  const text: string;
  export default text;
}

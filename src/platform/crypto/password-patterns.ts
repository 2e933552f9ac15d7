/**
 * Passwords that are long but easy to guess without any list of them: a few keys in a row, a short
 * text over and over, a famous password with some digits around it. All take lower-case text.
 */

// Letters that follow each other in the alphabet or on a keyboard; the digits go round.
const TRACKS = [
  "abcdefghijklmnopqrstuvwxyz",
  "01234567890",
  "qwertyuiop[]",
  "asdfghjkl;'",
  "zxcvbnm,./",
  "!@#$%^&*()",
  "qwertzuiop",
  "yxcvbnm",
  "azertyuiop",
  "qsdfghjklm",
  "wxcvbn",
];
const NEIGHBOURS = new Set(
  TRACKS.flatMap((track) =>
    [...track].slice(1).flatMap((letter, i) => [track[i] + letter, letter + track[i]]),
  ),
);
// "qwerty12345!" jumps three times: to q, to 1, to !.
const MAX_JUMPS = 3;
const LETTERS_FOR_SIGNS: Readonly<Record<string, string>> = {
  "@": "a",
  "4": "a",
  "3": "e",
  "!": "i",
  "1": "i",
  "0": "o",
  $: "s",
  "5": "s",
  "7": "t",
};
const MAX_DECORATION = 8;

/** Whether nearly every character repeats the one before it or lies beside it. */
export function isKeyboardWalk(text: string): boolean {
  let before = "";
  let jumps = 0;
  for (const letter of text) {
    if (letter !== before && !NEIGHBOURS.has(before + letter)) jumps += 1;
    before = letter;
  }
  return jumps <= MAX_JUMPS;
}

/**
 * The shortest text that gives `text` when it is repeated, the last time perhaps cut short; `text`
 * itself when there is none. Linear in its length (the failure function of Knuth, Morris, Pratt).
 */
export function repeatedUnit(text: string): string {
  const letters = [...text];
  const border = [0];
  for (let i = 1; i < letters.length; i += 1) {
    let length = border[i - 1] ?? 0;
    while (length > 0 && letters[i] !== letters[length]) length = border[length - 1] ?? 0;
    border.push(letters[i] === letters[length] ? length + 1 : 0);
  }
  const period = letters.length - (border.at(-1) ?? 0);
  return period * 2 <= letters.length ? letters.slice(0, period).join("") : text;
}

/**
 * Whether `text` is one of `words` with at most 8 digits and signs before and after it, signs for
 * letters undone: "p@ssw0rd-2026" is "password".
 */
export function isDecoratedWord(text: string, words: ReadonlySet<string>): boolean {
  const core = /^[^\p{L}]*(.*?)[^\p{L}]*$/su.exec(text)?.[1] ?? "";
  if (text.length - core.length > MAX_DECORATION) return false;
  return words.has([...core].map((letter) => LETTERS_FOR_SIGNS[letter] ?? letter).join(""));
}

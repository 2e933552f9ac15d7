import { Buffer } from "node:buffer";
import { fromBase64, fromHex, toBase64, toHex } from "../crypto/encoding.ts";

/**
 * One value of a row, exactly as SQLite holds it. A whole number is an INTEGER; what JSON cannot tell or
 * a JavaScript number cannot hold says its type.
 */
export type TableValue =
  | null
  | string
  | number
  | { readonly int: string }
  | { readonly real: string }
  | { readonly blob: string };

/** Row of a table: a value for each column, in the table's order. */
export type TableRow = readonly TableValue[];

/** First letters of SQLite's five storage classes, as `typeof()` names them. */
type StorageClass = "n" | "i" | "r" | "t" | "b";

/** How SQLite spells its infinities. */
const INFINITE = ["Inf", "-Inf"];

/**
 * A value from what the reader's select gives: blobs as hexadecimal digits, and as text the numbers that
 * JavaScript cannot hold.
 */
export function fromSelected(storage: StorageClass, value: unknown): TableValue {
  if (storage === "i" && typeof value === "string") return { int: value };
  if (storage === "b") return { blob: toBase64(fromHex(String(value).toLowerCase()) ?? NOTHING) };
  if (storage === "r" && (typeof value === "string" || Number.isInteger(value))) {
    return { real: String(value) };
  }
  return value as null | string | number;
}

const NOTHING = new Uint8Array();

/** Whether this can be a value of a row. */
export function isTableValue(value: unknown): value is TableValue {
  if (value === null || typeof value === "string") return true;
  if (typeof value === "number") return Number.isSafeInteger(value) || !Number.isInteger(value);
  if (typeof value !== "object") return false;
  const [[tag, text] = [], ...rest] = Object.entries(value);
  if (rest.length > 0 || typeof text !== "string") return false;
  if (tag === "int") return isInteger(text);
  if (tag === "real") return INFINITE.includes(text) || isReal(text);
  return tag === "blob" && fromBase64(text) !== null;
}

function isInteger(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function isReal(text: string): boolean {
  return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/.test(text) && Number.isFinite(Number(text));
}

/** The value as JSON that SQLite reads without losing anything; a blob is an object, see the filler. */
export function toSqliteJson(value: TableValue): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if ("int" in value) return String(BigInt(value.int));
  if ("blob" in value) return JSON.stringify({ blob: toHex(fromBase64(value.blob) ?? NOTHING) });
  if (INFINITE.includes(value.real)) return value.real === "Inf" ? "9e999" : "-9e999";
  return /[.e]/.test(value.real) ? value.real : `${value.real}.0`;
}

/** Bytes of a row, as far as D1's limit on rows goes. */
export function sizeOfRow(row: TableRow): number {
  return row.reduce<number>((sum, value) => sum + sizeOf(value), 0);
}

function sizeOf(value: TableValue): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (value !== null && typeof value === "object" && "blob" in value) {
    return Math.ceil((value.blob.length * 3) / 4);
  }
  return 8;
}

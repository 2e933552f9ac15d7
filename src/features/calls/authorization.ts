import { utf8 } from "../../platform/crypto/encoding.ts";
import type { ApiService } from "../services/index.ts";

/** The header by which a service knows us; null where it asks for none. */
export function authorizationOf(
  auth: NonNullable<ApiService["settings"]>["auth"],
  credential: string | null,
): readonly [name: string, value: string] | null {
  if (auth.type === "none" || credential === null) return null;
  switch (auth.type) {
    case "bearer":
      return ["authorization", `Bearer ${credential}`];
    case "basic": {
      // RFC 7617, section 2.1: servers that name a charset name UTF-8.
      const pair = utf8(`${auth.username}:${credential}`);
      return ["authorization", `Basic ${btoa(String.fromCharCode(...pair))}`];
    }
    case "header":
      return [auth.name, credential];
  }
}

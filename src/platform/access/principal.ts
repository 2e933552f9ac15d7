import type { Role } from "./permissions.ts";

/** Who asks. */
export type Principal =
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "user";
      readonly id: string;
      readonly email: string;
      readonly role: Role;
      readonly sessionId: string;
    }
  /** An external system that has signed what it sent. */
  | { readonly kind: "service"; readonly id: string }
  | { readonly kind: "job"; readonly name: string };

export type UserPrincipal = Extract<Principal, { kind: "user" }>;

/** The principal as audit rows, logs and idempotency keys name it: never an e-mail address. */
export function principalName(principal: Principal): string {
  switch (principal.kind) {
    case "anonymous":
      return "anonymous";
    case "user":
      return `${principal.role === "operator" ? "operator" : "user"}:${principal.id}`;
    case "service":
      return `service:${principal.id}`;
    case "job":
      return `job:${principal.name}`;
  }
}

import type { z } from "@hono/zod-openapi";
import type { Permission } from "../access/permissions.ts";
import type { Ctx, PlatformCtx, SignedIn, TenantCtx } from "../context.ts";
import type { IfMatch } from "../preconditions.ts";
import type { ProblemCode } from "../problems.ts";

/** Which doors an endpoint serves. Elsewhere it is not found. */
export type Doors = "tenant" | "platform" | "both";

/**
 * Who may call: anybody; anybody, who may be signed in and then sees more; whoever can sign the body
 * with a secret that the use case knows; anybody signed in; or roles with a permission.
 */
export type Access = OpenAccess | "signed-in" | Permission;
const OPEN = ["public", "anyone", "signature"] as const;
type OpenAccess = (typeof OPEN)[number];

/** Whether a caller needs no token. */
export function isOpen(access: Access): access is OpenAccess {
  return (OPEN as readonly string[]).includes(access);
}

/** Whether the endpoint is refused while the tenant's storage is used up. */
export function addsData({ method, doors, access, adds }: Endpoint): boolean {
  return method === "post" && doors !== "platform" && !isOpen(access) && adds !== "nothing";
}

/** A body that the use case reads itself, byte for byte, with what came around it. */
export interface RawBody {
  /** As the caller reached it: the realm's origin, path and query. */
  readonly url: string;
  readonly headers: Headers;
  /** @throws Failure `content-too-large` as soon as there are more than `limit` bytes */
  read(limit: number): Promise<Uint8Array>;
}

/**
 * All that there is to say of one endpoint: what it does, who may call it, what it takes, what it
 * answers. The pipeline, the OpenAPI document and the tests of isolation follow from it.
 */
export interface Endpoint<
  D extends Doors = Doors,
  A extends Access = Access,
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
  Out extends z.ZodType = z.ZodType,
> {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** OpenAPI form: `/users/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly doors: D;
  readonly access: A;
  /**
   * What an address is held to besides the limit of all anonymous requests: `sign-in`, where passwords
   * and tokens can be guessed at. `guard` answers also while the keeper of that limit does not.
   */
  readonly limit?: "sign-in" | "guard";
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** What the body is, where the use case reads it itself as {@link RawBody}. */
  readonly raw?: { readonly description: string; readonly mediaTypes: readonly string[] };
  readonly response: {
    readonly status: SuccessStatus;
    readonly description: string;
    /** Other successes with the same schema, by status: what they mean. */
    readonly also?: Partial<Readonly<Record<SuccessStatus, string>>>;
    readonly schema?: Out;
    /** Instead of a schema: the answer is sent as it comes to be, and is of this media type. */
    readonly stream?: string;
    /** Headers that this answer always has: those of {@link Answer} that `present` fills. */
    readonly headers?: readonly ("ETag" | "Location")[];
  };
  /** Problems of its own; those of the pipeline are added by themselves. */
  readonly problems?: readonly ProblemCode[];
  /**
   * Every POST of a signed-in caller adds data, and is refused while the tenant's storage is used up,
   * unless it says that it adds nothing: what handles, rotates, calls or sends again.
   */
  readonly adds?: "nothing";
  /** `off` where an answer must not be kept: sign-in, tokens, secrets that show once. */
  readonly idempotency?: "off";
}

/** 101 where the connection becomes a WebSocket. */
type SuccessStatus = 101 | 200 | 201 | 202 | 204;

/** The context that the door and the access rule promise. */
export type CtxOf<D extends Doors, A extends Access> = A extends OpenAccess
  ? DoorCtx<D>
  : SignedIn<DoorCtx<D>>;
type DoorCtx<D extends Doors> = D extends "tenant"
  ? TenantCtx
  : D extends "platform"
    ? PlatformCtx
    : Ctx;

/** What an endpoint is given, checked. */
export interface Input<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> {
  readonly params: z.output<Params>;
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
  /** Only where the endpoint says `raw`. */
  readonly raw: RawBody;
  readonly ifMatch: IfMatch;
}

/** What the pipeline turns into a response. */
export interface Answer<Out> {
  readonly body?: Out;
  /** Where the endpoint says `stream`: what is sent, as fast as the caller reads. */
  readonly stream?: ReadableStream<Uint8Array>;
  /** One of the endpoint's other successes. */
  readonly status?: SuccessStatus;
  /** Version of a single resource; becomes its entity tag. */
  readonly version?: number;
  /** Path of what was created, below `/api/v1`. */
  readonly location?: string;
}

export interface Handling<
  D extends Doors,
  A extends Access,
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Out extends z.ZodType,
  Result,
> {
  /** The use case. Its result is what it committed, so that the answer can be stored with it. */
  readonly handle: (ctx: CtxOf<D, A>, input: Input<Params, Query, Body>) => Promise<Result>;
  /** The result as the caller sees it. */
  readonly present: (result: Result, ctx: CtxOf<D, A>) => Answer<z.input<Out>>;
}

/** Gives an endpoint its types. */
export function endpoint<
  D extends Doors,
  A extends Access,
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Out extends z.ZodType,
>(definition: Endpoint<D, A, Params, Query, Body, Out>): Endpoint<D, A, Params, Query, Body, Out> {
  return definition;
}

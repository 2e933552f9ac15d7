import type { Context } from "hono";
import type { Bindings } from "../../env.ts";
import type { Authenticator } from "../access/authenticate.ts";
import type { Ctx } from "../context.ts";
import type { Logger } from "../observe/logger.ts";
import type { Meter } from "../observe/meter.ts";
import type { RequestScope } from "../tenancy/index.ts";

/** What the middleware of the app leaves for the endpoints. */
export interface AppEnv {
  Bindings: Bindings;
  Variables: {
    requestId: string;
    log: Logger;
    meter: Meter;
    scope: RequestScope;
    /** The realm behind the door; its principal is anonymous until the endpoint knows better. */
    ctx: Ctx;
    authenticate: Authenticator;
    /** Pattern of the endpoint that answered, for the log. */
    route: string;
  };
}

export type AppContext = Context<AppEnv>;

import { type Bindings, settingsOf } from "../../env.ts";
import { createLogger, errorFields } from "../observe/logger.ts";
import type { TenantRoute } from "../tenancy/index.ts";

/**
 * What a cell's Worker shows to the router: its doors. The caller knows by its binding that it may ask;
 * nobody else can, since no request from outside leads to an entrypoint.
 */
export interface CellDoor {
  /**
   * Opens a door and answers at once.
   * @param route the tenant behind it; null: the platform's door
   */
  door(route: TenantRoute | null): Promise<Pick<Fetcher, "fetch">>;
}

/**
 * A cell that was deployed with wrong settings could answer nothing behind its doors. The router had
 * better hear so before it hands anything over.
 * @throws Error naming every wrong setting; the router is told no more than that it failed
 */
export function requireSettings(env: Bindings): void {
  try {
    settingsOf(env);
  } catch (error) {
    createLogger().error("no door opens", errorFields(error));
    throw error;
  }
}

/** What comes with a tenant's door, as the router has found it. */
export interface DoorProps {
  readonly route: TenantRoute;
}

/** Of which tenant the requests are that came through a door of the router's. */
const routes = new WeakMap<Request, TenantRoute>();

/** Notes the way that a request has come: no header can say it, so no client can. */
export function comingBy(route: TenantRoute, request: Request): Request {
  routes.set(request, route);
  return request;
}

/** The way that the request has come, if the router has sent it to a tenant's door. */
export function routeOf(request: Request): TenantRoute | undefined {
  return routes.get(request);
}

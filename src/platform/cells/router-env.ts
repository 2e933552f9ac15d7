import { z } from "zod";
import type { Bindings } from "../../env.ts";
import { Origins } from "../http/origins.ts";
import { LOG_LEVELS } from "../observe/logger.ts";
import type { RegistryBindings } from "../tenancy/index.ts";

/** What Cloudflare hands to the router: the registry, a counter, and a binding for each cell. No secret. */
export type RouterBindings = RegistryBindings &
  Pick<Bindings, "ADDRESS_GUARD"> & {
    /** The cells (`CELL_...`) and the raw variables; read through `reach.ts` and {@link routerSettingsOf}. */
    readonly [name: string]: unknown;
  };

const Vars = z.object({
  /** Origin of the platform door; tenants live one label below its host. */
  BASE_URL: z.url({ protocol: /^https?$/ }).transform((text) => new URL(text)),
  /** Name of the cell that serves the platform's door. */
  HOME_CELL: z.string().regex(/^[a-z0-9-]{1,40}$/),
  CORS_ORIGINS: Origins,
  LOG_LEVEL: z.enum(LOG_LEVELS).default("info"),
});

type RouterSettings = Readonly<z.output<typeof Vars>>;

const known = new WeakMap<object, RouterSettings>();

/**
 * The router's settings, validated on first use.
 * @throws ZodError naming every wrong setting
 */
export function routerSettingsOf(env: RouterBindings): RouterSettings {
  const seen = known.get(env);
  if (seen) return seen;
  const settings = Vars.parse(env);
  known.set(env, settings);
  return settings;
}

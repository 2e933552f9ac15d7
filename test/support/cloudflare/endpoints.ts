import { ASSET_ENDPOINTS } from "./assets.ts";
import { D1_ENDPOINTS } from "./d1.ts";
import type { Endpoint } from "./endpoint.ts";
import { QUEUE_ENDPOINTS } from "./queues.ts";
import { SCRIPT_DETAIL_ENDPOINTS } from "./script-details.ts";
import { SCRIPT_ENDPOINTS } from "./scripts.ts";
import { ZONE_ENDPOINTS } from "./zones.ts";

/** All calls that the stand-in knows. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...D1_ENDPOINTS,
  ...QUEUE_ENDPOINTS,
  ...SCRIPT_ENDPOINTS,
  ...SCRIPT_DETAIL_ENDPOINTS,
  ...ASSET_ENDPOINTS,
  ...ZONE_ENDPOINTS,
];

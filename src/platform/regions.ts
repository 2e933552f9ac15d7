/** Where the data of a cell, and of the tenants that asked for it, is kept (Cloudflare's jurisdictions). */
export const REGIONS = ["eu", "us"] as const;
export type Region = (typeof REGIONS)[number];

/**
 * What operators do with tenants, over the operators' API.
 *
 *   npm run tenants -- COMMAND …    (`npm run tenants -- help` lists them)
 *
 * ROWHOUSE_URL                the platform's door; http://localhost:8787 by default
 * ROWHOUSE_OPERATOR_EMAIL     who signs in, on this machine the demo's operator by default
 * ROWHOUSE_OPERATOR_PASSWORD
 * ROWHOUSE_DIAL               `host:port` or origin to connect to instead, for names that lead nowhere
 */
import { main } from "./tenants/main.ts";
import { processTerminal } from "./tenants/terminal.ts";

process.exitCode = await main(process.argv.slice(2), processTerminal, process.env);

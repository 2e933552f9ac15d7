import { type Destination, destinationOf, dial, textOf } from "../dial.ts";
import { type Credentials, connect, type OperatorsApi } from "../operators-api.ts";
import type { Environment } from "./fleet.ts";

/** A deployment as the world sees it, through its base URL. */
export interface Site {
  readonly destination: Destination;
  readonly operators: OperatorsApi;
  readonly credentials: Credentials;
}

/**
 * The way to an environment, for the operator whom the environment variables name.
 *
 * @throws Error for a person when a setting is missing or wrong
 */
export function siteOf(environment: Environment, env: NodeJS.ProcessEnv = process.env): Site {
  const { ROWHOUSE_OPERATOR_EMAIL: email, ROWHOUSE_OPERATOR_PASSWORD: password } = env;
  if (!email || !password) {
    throw new Error("Set ROWHOUSE_OPERATOR_EMAIL and ROWHOUSE_OPERATOR_PASSWORD.");
  }
  const { ROWHOUSE_DIAL } = env;
  const destination = destinationOf({ ROWHOUSE_URL: environment.base_url, ROWHOUSE_DIAL });
  const credentials = { email: email.trim().toLowerCase(), password };
  return { destination, credentials, operators: connect(destination, credentials) };
}

/** Longest that one answer of a smoke test may take, in ms. */
const SILENCE_MS = 10_000;

/**
 * Gets a page of a door, of the platform's where no slug is given.
 *
 * @returns the members of the JSON that it answers
 * @throws Error unless it is answered with 200
 */
export async function getJson(
  { destination }: Site,
  path: string,
  door?: string,
): Promise<Readonly<Record<string, unknown>>> {
  const at = door === undefined ? {} : { door };
  const answer = await dial(destination, { path, silenceMs: SILENCE_MS, ...at });
  const text = await textOf(answer);
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

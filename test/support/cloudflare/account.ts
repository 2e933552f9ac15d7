import { createHash, randomUUID } from "node:crypto";
import type { Binding, Metadata } from "./metadata.ts";
import type { Runtime } from "./runtime.ts";

/** All that one account holds. */
export interface Account {
  id: string;
  token: string;
  zones: Zone[];
  databases: Database[];
  queues: Queue[];
  scripts: Map<string, Script>;
  /** Static files that were uploaded, by their hash. */
  assets: Map<string, Asset>;
  /** What asset upload sessions were opened for, by their token. */
  assetSessions: Map<string, AssetManifest>;
  /** SQL files on their way into a database, by their name. */
  sqlFiles: Map<string, string>;
  /** Runs what is deployed, and holds the rows of the databases. */
  runtime: Runtime;
}

export interface Zone {
  id: string;
  name: string;
  routes: { id: string; pattern: string; script?: string | undefined }[];
  dns: { id: string; type: string; name: string; content: string; proxied: boolean }[];
}

export interface Database {
  uuid: string;
  name: string;
  created_at: string;
  jurisdiction: string | null;
  primary_location_hint: string | null;
  read_replication: { mode: "auto" | "disabled" };
}

export interface Queue {
  queue_id: string;
  queue_name: string;
  created_on: string;
  consumers: Consumer[];
}

export interface Consumer {
  consumer_id: string;
  script: string;
  dead_letter_queue: string | undefined;
  settings: Record<string, number | undefined>;
}

export interface Asset {
  type: string;
  content: Uint8Array;
}

export type AssetManifest = Record<string, { hash: string; size: number }>;

/** A Worker. Versions are what was uploaded; what of it is live, the newest deployment says. */
export interface Script {
  name: string;
  tag: string;
  versions: Version[];
  /** Newest first. */
  deployments: Deployment[];
  crons: string[];
  subdomain: { enabled: boolean; previews_enabled: boolean };
  settings: Record<string, unknown>;
  /** The last migration of Durable Objects, the classes after it, and the first version that has them. */
  migrationTag: string | undefined;
  classes: string[];
  migratedAt: number;
}

export interface Version {
  id: string;
  number: number;
  created_on: string;
  metadata: Metadata;
  /** With everything that was inherited in its place. */
  bindings: Binding[];
  modules: Module[];
  assets: AssetManifest | undefined;
}

export interface Module {
  name: string;
  type: "ESModule" | "Text" | "Data" | "CompiledWasm";
  content: Uint8Array;
}

export interface Deployment {
  id: string;
  created_on: string;
  source: string;
  strategy: "percentage";
  versions: { version_id: string; percentage: number }[];
  annotations: Record<string, string>;
  author_email: string;
}

/** An account with nothing in it but its zones. */
export function emptyAccount(zones: readonly string[], runtime: Runtime): Account {
  return {
    id: createHash("md5").update(randomUUID()).digest("hex"),
    token: `token-${randomUUID()}`,
    zones: zones.map((name) => ({ id: hexId(), name, routes: [], dns: [] })),
    databases: [],
    queues: [],
    scripts: new Map(),
    assets: new Map(),
    assetSessions: new Map(),
    sqlFiles: new Map(),
    runtime,
  };
}

/** The version that serves a script's requests, if one does. */
export function liveVersion(script: Script): Version | undefined {
  const id = script.deployments[0]?.versions[0]?.version_id;
  return script.versions.find((version) => version.id === id);
}

/** An id as Cloudflare's zones, queues and routes have: 32 hexadecimal digits. */
export function hexId(): string {
  return randomUUID().replaceAll("-", "");
}

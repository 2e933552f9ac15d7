import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { poolBindings } from "./scripts/lib/pool.ts";

/** As many tenant databases as `npm start` has. */
const POOL = 200;

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              d1Databases: Object.fromEntries(poolBindings(POOL).map((name) => [name, name])),
              bindings: {
                ENVIRONMENT: "test",
                BASE_URL: "http://rowhouse.test",
                CELL: "test-1",
                REGISTRATION: "open",
                REGISTRATIONS_PER_IP_PER_DAY: "1000000",
                REGISTRATIONS_PER_DAY: "1000000",
                // The real cost of a hash is tested where it is the subject; here it would be all.
                PASSWORD_SCRYPT_LN: "4",
                PASSWORD_QUEUE: "1000",
                LOG_LEVEL: "debug",
                MASTER_KEY: "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                CONTROL_MIGRATIONS: await readD1Migrations("./migrations/control"),
              },
            },
          })),
        ],
        test: {
          name: "worker",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.node.test.ts"],
          setupFiles: ["./test/support/setup.ts"],
        },
      },
      { test: { name: "node", include: ["test/**/*.node.test.ts"] } },
    ],
  },
});

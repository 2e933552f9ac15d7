/**
 * Makes `npm start` and `npm test` work as the first command of a fresh clone.
 *
 * npm runs this before both. It compares npm's own record of what is installed
 * (node_modules/.package-lock.json) with package-lock.json and runs `npm ci` when they differ.
 * Plain JavaScript without dependencies, because it runs before anything is installed, on
 * whatever Node the machine has.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process, { argv, env, execPath, exit, platform, versions } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const OLDEST_NODE = 20;

/**
 * Says why what is installed is not what the lock file asks for.
 *
 * @param {string} root folder that holds package-lock.json
 * @returns {string | undefined} the first reason found; undefined when nothing is to be done
 */
export function reasonToInstall(root) {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return "nothing is installed yet";

  const want = packagesOf(join(root, "package-lock.json"));
  const have = packagesOf(installed);
  for (const [path, entry] of Object.entries(want)) {
    if (path === "") continue; // the project itself
    // Packages for other platforms are in the lock file and never on this disk.
    if (have[path] === undefined) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return `${path} is missing`;
    }
    if (have[path].version !== entry.version || have[path].integrity !== entry.integrity) {
      return `${path} is ${have[path].version}, the lock file says ${entry.version}`;
    }
  }
  return undefined;
}

/** @param {string} file */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
}

/**
 * Runs `npm ci` with the npm and the Node that the person called, not with the Node in
 * node_modules/.bin: `npm ci` deletes that one, and Windows refuses to delete a running program.
 *
 * @param {string} root
 */
function install(root) {
  // NODE_ENV=production would leave out the tools that this is all about.
  // The warnings are about engines, and the Node that matters is the one being installed.
  const args = ["ci", "--include=dev", "--loglevel=error"];
  const cli = env.npm_execpath;
  return cli?.endsWith("npm-cli.js")
    ? spawnSync(env.npm_node_execpath ?? execPath, [cli, ...args], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", args, { cwd: root, stdio: "inherit", shell: platform === "win32" });
}

function main() {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (Number.parseInt(versions.node, 10) < OLDEST_NODE) {
    console.error(
      `Rowhouse needs Node.js ${OLDEST_NODE} or newer to install; this is ${versions.node}. ` +
        "Get a current one from https://nodejs.org and run the command again.",
    );
    exit(1);
  }

  const reason = reasonToInstall(root);
  if (reason !== undefined) {
    console.log(`Installing the dependencies (${reason}) …`);
    // Ctrl-C reaches npm as well, which then takes back what it did. Leaving before it has finished
    // would let the next command start into that.
    process.on("SIGINT", () => {});
    const { status, error } = install(root);
    if (error || status !== 0) {
      console.error(`\`npm ci\` failed${error ? `: ${error.message}` : ""}.`);
      exit(1);
    }
  }

  // The scripts are TypeScript and want the Node that the `node` package brings. Its install script
  // puts it there, and npm can be told (or, some day, is set) not to run install scripts.
  const bundled = join(
    root,
    "node_modules",
    "node",
    "bin",
    platform === "win32" ? "node.exe" : "node",
  );
  if (!existsSync(bundled)) {
    console.error(
      "The install scripts of the dependencies did not run, so the Node that Rowhouse runs on is " +
        "missing. Allow them (package.json names the packages under `allowScripts`) and run `npm ci`.",
    );
    exit(1);
  }
}

if (argv[1] && import.meta.url === pathToFileURL(argv[1]).href) main();

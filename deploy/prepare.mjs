// What `npm start` and `npm test` need before anything of ours can run: packages, a build, Node 24.
// Runs on Node 20 with nothing installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const NEEDED_MAJOR = 24;

/** Runs a command with its output shown. Ends this process with its code when it fails. */
export function must(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (done.error) stop(`${command} could not be started: ${done.error.message}`);
  if (done.status !== 0) process.exit(done.status ?? 1);
}

export function stop(message) {
  console.error(`outrider: ${message}`);
  process.exit(1);
}

/**
 * Installs the locked packages when they are missing or older than the lock file. Not by `npm ci`: that refuses a lock
 * file without the optional packages of other platforms, which npm leaves out wherever a registry does not have them.
 * The versions are those of the lock file all the same, and it is not written.
 */
export function installPackages() {
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error("outrider: installing packages (once)");
  must("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
}

export function build() {
  must(process.execPath, [join(root, "node_modules", "@typescript", "native", "bin", "tsc"), "-b"]);
}

/** The Node that everything of ours runs on: this one where it is new enough, else the one that npm brought. */
export function node24() {
  if (Number(process.versions.node.split(".")[0]) >= NEEDED_MAJOR) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(join(root, "package.json")).resolve(`${name}/package.json`);
    const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
    const binary = join(dirname(manifest), typeof bin === "string" ? bin : bin.node);
    if (spawnSync(binary, ["--version"]).status === 0) return binary;
  } catch {
    // Said below, with what to do.
  }
  return stop(
    `this is Node ${process.versions.node}; Node ${NEEDED_MAJOR} is needed and npm brings it only for Linux on x64 and arm64 ` +
      `(package ${name} is not usable here). Install Node ${NEEDED_MAJOR} from https://nodejs.org and run this again.`,
  );
}

/** The environment for child processes: tools of ours and Node 24 come first on the path. */
export function environment(node) {
  return {
    ...process.env,
    PATH: [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH].join(":"),
  };
}

/** Goes on in another program on Node 24; signals and the exit code pass through. */
export function continueIn(node, args) {
  const child = spawn(node, args, { cwd: process.cwd(), stdio: "inherit", env: environment(node) });
  const pass = (signal) => process.on(signal, () => child.kill(signal));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) pass(signal);
  // npm ends its shell on SIGTERM, and the shell tells nobody: without npm there is nobody to run for.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event) {
    const look = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(look);
      child.kill("SIGTERM");
    }, 500);
  }
  child.on("error", (error) => stop(`Node could not be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exit(
      signal ? 128 + ({ SIGINT: 2, SIGTERM: 15, SIGKILL: 9, SIGHUP: 1 }[signal] ?? 1) : (code ?? 1),
    );
  });
}

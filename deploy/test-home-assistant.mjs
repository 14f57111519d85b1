// npm run test:home-assistant: the bridge against real Home Assistants, those whose Python is here.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { installPeers } from "./peers.mjs";
import { build, environment, installPackages, must, node24, root, stop } from "./prepare.mjs";

const PEERS = {
  mosquitto: "/usr/sbin/mosquitto",
  "mosquitto-clients": "/usr/bin/mosquitto_pub",
  "python3-venv": "/usr/share/doc/python3-venv",
};

installPackages();
const node = node24();
const env = environment(node);
if (process.env.CI) env.OUTRIDER_REQUIRE_PEERS = "1";
const missing = installPeers(PEERS, "Home Assistant is run with", env);
if (missing) stop(missing);
build();
const cache = process.env.OUTRIDER_CACHE || join(homedir(), ".cache", "outrider");
const releases = JSON.parse(
  readFileSync(join(root, "e2e", "src", "house", "releases.json"), "utf8"),
);
for (const release of releases) install(release);
must("vitest", ["run", "--project", "home-assistant", ...process.argv.slice(2)], { env });

/** Into a virtual environment of its own, once; again when what it needs has changed. */
function install({ version, python, pins }) {
  const folder = join(cache, "home-assistant", version);
  const complete = join(folder, "complete");
  const wanted = JSON.stringify(pins);
  if (existsSync(complete) && readFileSync(complete, "utf8") === wanted) return;
  const interpreter = [`/usr/bin/${python}`, python].find(
    (one) => spawnSync(one, ["-c", "import venv"]).status === 0,
  );
  if (!interpreter) {
    console.error(
      `\noutrider: ${python} is not here: the tests with Home Assistant ${version} are SKIPPED.\n`,
    );
    return;
  }
  console.error(
    `outrider: installing Home Assistant ${version} into ${folder} (once, some minutes)`,
  );
  rmSync(complete, { force: true });
  mkdirSync(join(cache, "home-assistant"), { recursive: true });
  must(interpreter, ["-m", "venv", folder]);
  const pip = join(folder, "bin", "pip");
  const quiet = ["--quiet", "--disable-pip-version-check"];
  must(pip, ["install", ...quiet, `homeassistant==${version}`, ...pins]);
  writeFileSync(complete, wanted);
}

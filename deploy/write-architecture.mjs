// Writes the picture of who imports whom into ARCHITECTURE.md. `--check` only compares.
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";

const FOLDER = /^(libs\/[^/]+|services\/[^/]+|hardware\/[^/]+|apps\/[^/]+|broker|dashboards|e2e)\//;
const NOT_SHIPPED = /\.test\.ts$|\/testing\/|^e2e\/|^libs\/testing\//;

const sources = globSync("{libs,services,hardware,apps}/*/src").concat(
  "broker/src",
  "dashboards/src",
);
const cruised = JSON.parse(
  execFileSync("depcruise", ["--config", ".dependency-cruiser.mjs", "-T", "json", ...sources], {
    maxBuffer: 1 << 28,
    encoding: "utf8",
  }),
);
const edges = new Set();
for (const { source, dependencies } of cruised.modules) {
  if (NOT_SHIPPED.test(source)) continue;
  const from = FOLDER.exec(source)?.[1];
  for (const { resolved } of dependencies) {
    const to = FOLDER.exec(resolved)?.[1];
    if (from && to && from !== to && !NOT_SHIPPED.test(resolved)) edges.add(`${from} ${to}`);
  }
}
const id = (folder) => folder.replace(/\W/g, "_");
const pairs = [...edges].toSorted((a, b) => a.localeCompare(b)).map((edge) => edge.split(" "));
const folders = [...new Set(pairs.flat())].toSorted((a, b) => a.localeCompare(b));
const picture = [
  "```mermaid",
  "flowchart TD",
  ...folders.map((folder) => `  ${id(folder)}["${folder}"]`),
  ...pairs.map(([from, to]) => `  ${id(from)} --> ${id(to)}`),
  "```",
].join("\n");
const text = readFileSync("ARCHITECTURE.md", "utf8");
const next = text.replace(
  /<!-- imports -->[\s\S]*<!-- \/imports -->/,
  () => `<!-- imports -->\n${picture}\n<!-- /imports -->`,
);
if (process.argv.includes("--check")) {
  if (next !== text) {
    console.error("ARCHITECTURE.md does not show today's imports; run: npm run architecture");
    process.exitCode = 1;
  }
} else writeFileSync("ARCHITECTURE.md", next);

#!/usr/bin/env node
// npm links a command only to a file that is there before the build, so this one is no build output.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
if (Number(process.versions.node.split(".")[0]) < 24) {
  console.error(
    `outrider: this is Node ${process.versions.node}; Node 24 is needed. \`npx outrider\` in the workspace uses the one that npm brought.`,
  );
  process.exit(1);
}
if (!existsSync(fileURLToPath(main))) {
  console.error("outrider: not built yet; run `npm run build` (or `npm start`) first");
  process.exit(1);
}
await import(main.href);

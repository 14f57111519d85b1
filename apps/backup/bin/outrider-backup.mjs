#!/usr/bin/env node
// npm links a command only to a file that is there before the build, so this one is no build output.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  console.error("outrider-backup: not built yet; run `npm run build` (or `npm start`) first");
  process.exit(1);
}
if (Number(process.versions.node.split(".")[0]) < 24) {
  // The workspace knows the Node that npm brought, and says what to do where it brought none.
  const { continueIn, node24 } = await import("../../../deploy/prepare.mjs");
  continueIn(node24(), [fileURLToPath(main), ...process.argv.slice(2)]);
} else {
  await import(main.href);
}

// Runs a program of the workspace by its name. npm links a command only to a file that is there before the build, so
// what it links is no build output and comes here. Runs on Node 20.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { continueIn, node24 } from "./prepare.mjs";

/** @param main `file:` URL of the compiled program */
export async function runBuilt(name, main) {
  const file = fileURLToPath(main);
  if (!existsSync(file)) {
    console.error(`${name}: not built yet; run \`npm run build\` (or \`npm start\`) first`);
    process.exit(1);
  }
  // The workspace knows the Node that npm brought, and says what to do where it brought none.
  if (Number(process.versions.node.split(".")[0]) < 24) {
    continueIn(node24(), [file, ...process.argv.slice(2)]);
  } else {
    await import(main.href);
  }
}

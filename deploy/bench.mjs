// npm run bench: measures and writes docs/performance.md. `npm run bench -- quick` for a first look.
import { build, environment, installPackages, must, node24 } from "./prepare.mjs";

installPackages();
const node = node24();
build();
must(node, ["e2e/dist/bench/main.js", ...process.argv.slice(2)], { env: environment(node) });

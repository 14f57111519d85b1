// npm start: installs, builds and runs everything in one process, on a machine with nothing but Node 20 and npm.
import { join } from "node:path";
import { build, continueIn, installPackages, node24, root } from "./prepare.mjs";

installPackages();
const node = node24();
build();
continueIn(node, ["--enable-source-maps", join(root, "apps/all-in-one/dist/main.js")]);

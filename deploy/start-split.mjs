// npm run start:split: the same parts as `npm start`, each in a process of its own, under one supervisor.
import { join } from "node:path";
import { build, continueIn, installPackages, node24, root } from "./prepare.mjs";

installPackages();
const node = node24();
build();
continueIn(node, ["--enable-source-maps", join(root, "apps/all-in-one/dist/split-main.js")]);

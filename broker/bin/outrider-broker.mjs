#!/usr/bin/env node
import { runBuilt } from "../../deploy/run-built.mjs";

await runBuilt("outrider-broker", new URL("../dist/main.js", import.meta.url));

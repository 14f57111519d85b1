#!/usr/bin/env node
import { runBuilt } from "../../deploy/run-built.mjs";

await runBuilt("outrider-credentials", new URL("../dist/credentials-main.js", import.meta.url));

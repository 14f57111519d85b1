import { runProgram } from "@outrider/service-kit/program";
import { readConsoleConfig } from "./config.js";
import { startConsoleService } from "./start.js";

await runProgram("console", (log, defect) =>
  startConsoleService(readConsoleConfig(process.env), { log, defect }),
);

import { runProgram } from "@outrider/service-kit/program";
import { readHomeAssistantConfig } from "./config.js";
import { startHomeAssistantService } from "./start.js";

await runProgram("home-assistant", (log, defect) =>
  startHomeAssistantService(readHomeAssistantConfig(process.env), { log, defect }),
);
